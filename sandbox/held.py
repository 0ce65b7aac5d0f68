"""Files without a name that processes hold: open or mapped, in memory or on disk, each counted once.

Guarantee: a memory file or an unlinked file that is open in any process is found with all that it occupies. Edge:
one that is only mapped is sized through /proc/PID/map_files where that is allowed (root of the machine); elsewhere
its length counts on disk, and of memory only what is mapped in (see `memory.exact`). A process that used no
processor time since it was read is read again only after ten seconds, whatever others made of a file that it holds
meanwhile. A file in a message that nobody has received yet is in no process, and does not count.
"""

import errno
import math
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from .sight import Sight

File = tuple[int, int]
_BLOCK = 512
_SECONDS = 0.1
_FRESH = 10.0
_REFUSALS = 2
_DELETED = " (deleted)"
_NAMELESS = re.compile(rb"^.* \(deleted\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Holdings:
    """Nameless files by device and inode, with the bytes that they occupy.

    Attributes:
        memory: Those in memory: memfd_create, shared anonymous memory, System V, unlinked files of a tmpfs.
        disk: Unlinked files on disk.
        unsized: Those in memory that are mapped and whose size cannot be asked for.
    """

    memory: dict[File, int] = field(default_factory=dict[File, int])
    disk: dict[File, int] = field(default_factory=dict[File, int])
    unsized: frozenset[File] = frozenset()


@dataclass(frozen=True, slots=True)
class _Own:
    """What one process holds."""

    holdings: Holdings
    open_files: int
    refusals: int = 0
    mark: object = None
    read_at: float = -math.inf


_UNKNOWN = _Own(Holdings(), 0)


class Shelf:
    """Keeps what processes hold; a look reads for a bounded time, and the next one goes on there.

    Args:
        counted: Devices whose files are counted elsewhere.
        sight: How to look into a process.
    """

    def __init__(self, counted: Iterable[int] = (), sight: Sight | None = None) -> None:
        self._sight = sight or Sight()
        self._counted = frozenset(counted)
        self._memory = memory_devices()
        self._own: dict[int, _Own] = {}
        self.held = Holdings()

    @property
    def open_files(self) -> int:
        """The largest number of files that one process has open."""
        return max((own.open_files for own in self._own.values()), default=0)

    @property
    def unreadable(self) -> int:
        """How many processes cannot be looked into; one that is just being executed hides itself for a moment."""
        return sum(own.refusals >= _REFUSALS for own in self._own.values())

    def look(self, marks: Mapping[int, object]) -> None:
        """Bring up to date what these processes hold; all others are forgotten.

        Args:
            marks: The processes (or threads with open files of their own), each with what changes when it has done
                something; as long as it does not, it is seldom read again.
        """
        self._own = {pid: own for pid, own in self._own.items() if pid in marks}
        now = time.monotonic()
        # New ones first, then those whose last reading is the oldest.
        for pid in [*(pid for pid in marks if pid not in self._own), *self._own]:
            before = self._own.get(pid, _UNKNOWN)
            if before.mark == marks[pid] and not before.refusals and now < before.read_at + _FRESH:
                continue
            self._own.pop(pid, None)
            self._own[pid] = replace(self._seen(pid, before), mark=marks[pid], read_at=now)
            if time.monotonic() > now + _SECONDS:
                break
        self.held = _union(own.holdings for own in self._own.values())

    def _seen(self, pid: int, before: _Own) -> _Own:
        try:
            return self._sight(partial(self._read, pid))
        except PermissionError:
            return _Own(Holdings(), 0, before.refusals + 1)
        except OSError:
            return _UNKNOWN

    def _read(self, pid: int) -> _Own:
        names = os.listdir(f"/proc/{pid}/fd")
        maps = content(f"/proc/{pid}/maps")
        found = dict(_opened(pid, names))
        inodes = {inode for _, inode in found}
        unsized: dict[File, int] = {}
        for file, size, exact in _mapped(pid, maps):
            if exact:
                found[file] = size
            # By inode alone: below an overlay a mapping may name another device than the descriptor.
            elif file[1] not in inodes:
                unsized[file] = max(size, unsized.get(file, 0))
        return _Own(self._sorted(found, unsized), len(names))

    def _sorted(self, found: dict[File, int], unsized: dict[File, int]) -> Holdings:
        memory = {file: size for file, size in found.items() if file[0] in self._memory - self._counted}
        disk = {file: size for file, size in (unsized | found).items() if file[0] not in self._memory | self._counted}
        return Holdings(memory, disk, frozenset(file for file in unsized if file[0] in self._memory - self._counted))


def _opened(pid: int, names: list[str]) -> Iterator[tuple[File, int]]:
    for name in names:
        path = f"/proc/{pid}/fd/{name}"
        # The name first: asking for the size of a file that lies on a dead server would wait for it.
        if _is_nameless(path):
            with suppress(OSError):
                yield from _occupied(path)


def _is_nameless(path: str) -> bool:
    """Whether a descriptor's file has no name; a very long one is better looked at.

    Raises:
        PermissionError: we may list this process's descriptors, but not see what they are.
    """
    try:
        return os.readlink(path).endswith(_DELETED)
    except PermissionError:
        raise
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG


def _occupied(path: str) -> Iterator[tuple[File, int]]:
    status = os.stat(path)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
        yield (status.st_dev, status.st_ino), status.st_blocks * _BLOCK


def _mapped(pid: int, maps: bytes) -> Iterator[tuple[File, int, bool]]:
    """Yield mapped files with their bytes, and whether these are what they occupy or only how long they are."""
    for line in _NAMELESS.findall(maps):
        # Address range, permissions, offset, device, inode, path: see proc_pid_maps(5).
        place, _, offset, device, inode, _ = line.decode("utf-8", "surrogateescape").split(None, 5)
        start, end = (int(address, 16) for address in place.split("-"))
        try:
            for file, size in _occupied(f"/proc/{pid}/map_files/{start:x}-{end:x}"):
                yield file, size, True
        except PermissionError:
            yield (number_of(device), int(inode)), int(offset, 16) + end - start, False
        except OSError:
            continue


def _union(all_holdings: Iterable[Holdings]) -> Holdings:
    memory: dict[File, int] = {}
    disk: dict[File, int] = {}
    unsized: set[File] = set()
    for holdings in all_holdings:
        memory |= holdings.memory
        disk |= holdings.disk
        unsized |= holdings.unsized
    return Holdings(memory, disk, frozenset(unsized - memory.keys()))


def memory_devices() -> frozenset[int]:
    """Return the devices whose files are memory: the kernel's own for nameless ones, and every tmpfs in sight."""
    descriptor = os.memfd_create("referee")
    found = {os.fstat(descriptor).st_dev}
    os.close(descriptor)
    for line in content("/proc/self/mountinfo").decode("utf-8", "surrogateescape").splitlines():
        # Number, parent, major:minor, ... - type: see proc_pid_mountinfo(5).
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] == "tmpfs":
            major, minor = fields.split()[2].split(":")
            found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)


def number_of(device: str) -> int:
    """Return the number of a device that /proc/PID/maps calls `major:minor`, in hexadecimal."""
    major, minor = device.split(":")
    return os.makedev(int(major, 16), int(minor, 16))


def content(path: str) -> bytes:
    """Return what a file of /proc says."""
    with open(path, "rb", buffering=0) as file:
        return file.readall()
