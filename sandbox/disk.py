"""Bytes and files below some folders: counted in slices while a trial runs, so that no count holds anything up.

Guarantee: no link is followed, no other mount entered, a file with several names counts once, sparse parts do not
count; closed and deep folders do. Edge: while a trial moves files about, a count may miss some or meet some twice;
the next one is a new one.
"""

import os
import resource
import stat
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

_BLOCK = 512
_SLICE = 256
_SPARE_FILES = 64
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIN = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_TO_US = 0o700


@dataclass(slots=True)
class Count:
    """What was found so far.

    Attributes:
        bytes: Occupied on disk.
        files: Files, folders and everything else.
        complete: Whether all of it could be entered.
    """

    bytes: int = 0
    files: int = 0
    complete: bool = True

    def __add__(self, other: "Count") -> "Count":
        return Count(self.bytes + other.bytes, self.files + other.files, self.complete)

    def __sub__(self, other: "Count") -> "Count":
        return Count(self.bytes - other.bytes, self.files - other.files, self.complete)

    def passes(self, most: "Count") -> bool:
        """Whether this is more than a limit, in bytes or in files."""
        return self.bytes > most.bytes or self.files > most.files

    def or_more(self, other: "Count") -> "Count":
        """Return the larger of both, bytes and files apart."""
        return Count(max(self.bytes, other.bytes), max(self.files, other.files), self.complete)


@dataclass(slots=True)
class _Level:
    """An open folder on the way down, its subfolders that are still to be entered, and the mode to put back."""

    descriptor: int
    device: int
    waiting: list[str] = field(default_factory=list[str])
    mode: int | None = None

    def leave(self) -> None:
        if self.mode is not None:
            with suppress(OSError):
                os.fchmod(self.descriptor, self.mode)
        os.close(self.descriptor)


class Walk:
    """One count of what lies below folders; the folders themselves do not count.

    Args:
        folders: Where; one that is not there is left out.
        enough: Count no further beyond this.

    Attributes:
        count: What was found so far.
        cost: Processor seconds spent on it.
    """

    def __init__(self, folders: Iterable[str], enough: Count | None = None) -> None:
        self.count = Count()
        self.cost = 0.0
        self._enough = enough
        self._linked: set[tuple[int, int]] = set()
        self._deepest = max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_FILES, _SPARE_FILES)
        self._steps = self._all(tuple(folders))

    def go_on(self, seconds: float) -> bool:
        """Count for about so long, in processor time of this thread; return whether the count is over."""
        began = time.thread_time()
        over = True
        for _ in self._steps:
            if self._enough is not None and self.count.passes(self._enough):
                self.stop()
            elif time.thread_time() > began + seconds:
                over = False
                break
        self.cost += time.thread_time() - began
        return over

    def stop(self) -> None:
        """Count no further, and close what is open."""
        self._steps.close()

    def _all(self, folders: tuple[str, ...]) -> Generator[None]:
        for folder in folders:
            top = self._top(folder)
            if top is not None:
                yield from self._below(top)

    def _top(self, folder: str) -> _Level | None:
        try:
            above = os.open(os.path.dirname(folder), _PIN & ~os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            return self._opened(above, os.path.basename(folder))
        finally:
            os.close(above)

    def _below(self, top: _Level) -> Generator[None]:
        """Count depth first; every folder on the way down stays open, so nobody can redirect the way back."""
        levels = [top]
        try:
            yield from self._entries(top)
            while levels:
                if not levels[-1].waiting:
                    levels.pop().leave()
                    continue
                level = self._enter(levels)
                if level is not None:
                    levels.append(level)
                    yield from self._entries(level)
        finally:
            for level in reversed(levels):
                level.leave()

    def _enter(self, levels: list[_Level]) -> _Level | None:
        above, name = levels[-1], levels[-1].waiting.pop()
        if len(levels) >= self._deepest:
            self.count.complete = False
            return None
        level = self._opened(above.descriptor, name)
        # Asked only then: parts of one file system may have devices of their own (btrfs).
        if level is None or level.device == above.device or _mount(level.descriptor) == _mount(above.descriptor):
            return level
        level.leave()
        return None

    def _opened(self, parent: int, name: str) -> _Level | None:
        try:
            return _open(parent, name)
        except PermissionError:
            self.count.complete = False
        except OSError:
            pass
        return None

    def _entries(self, level: _Level) -> Generator[None]:
        """Count what lies in one folder, and note its subfolders."""
        with os.scandir(level.descriptor) as entries:
            for number, entry in enumerate(entries):
                with suppress(OSError):
                    self._add(entry.stat(follow_symlinks=False), level.device)
                    if entry.is_dir(follow_symlinks=False):
                        level.waiting.append(entry.name)
                if number % _SLICE == 0:
                    yield

    def _add(self, status: os.stat_result, device: int) -> None:
        if status.st_dev != device:
            return
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            file = status.st_dev, status.st_ino
            if file in self._linked:
                return
            self._linked.add(file)
        self.count.bytes += status.st_blocks * _BLOCK
        self.count.files += 1


def _open(parent: int, name: str) -> _Level:
    """Open a folder; one that its owner, who we are, has closed is opened to us until we leave it."""
    with suppress(PermissionError):
        descriptor = os.open(name, _OPEN_FOLDER, dir_fd=parent)
        if _may_search(descriptor):
            return _Level(descriptor, os.fstat(descriptor).st_dev)
        os.close(descriptor)
    # Pinned first: whatever the name stands for by now, the mode is changed of this folder alone.
    pin = os.open(name, _PIN, dir_fd=parent)
    try:
        status = os.fstat(pin)
        mode = stat.S_IMODE(status.st_mode)
        os.chmod(f"/proc/self/fd/{pin}", mode | _OPEN_TO_US)
        return _Level(os.open(f"/proc/self/fd/{pin}", _OPEN_FOLDER & ~os.O_NOFOLLOW), status.st_dev, mode=mode)
    finally:
        os.close(pin)


def _mount(descriptor: int) -> str:
    """Return the number of the mount in which an open folder lies, see proc_pid_fdinfo(5)."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as lines:
        return next(line for line in lines if line.startswith("mnt_id:"))


def _may_search(folder: int) -> bool:
    try:
        os.stat(".", dir_fd=folder)
    except PermissionError:
        return False
    return True


def used(folders: Iterable[str]) -> Count:
    """Return what is in use on the file systems that hold these folders, whoever wrote it."""
    places: dict[int, str] = {}
    for folder in folders:
        with suppress(OSError):
            places[os.stat(folder).st_dev] = folder
    found = [os.statvfs(folder) for folder in places.values()]
    return Count(
        sum((status.f_blocks - status.f_bfree) * status.f_frsize for status in found),
        sum(status.f_files - status.f_ffree for status in found),
    )
