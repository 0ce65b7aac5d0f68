"""Copies what is plain from one folder to another: folders, and files that have one name.

Guarantee: no link is followed or copied, no pipe or device is opened, and nothing is written beyond the room that was
given. Sparse parts stay sparse. Edge: nobody else may write to either folder meanwhile; what cannot be read, and what
lies deeper than `_DEEPEST` folders, is left out.
"""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from . import figures
from .errors import SandboxError
from .spec import Breach

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 50
_EXECUTABLE = 0o100


class NoRoomError(SandboxError):
    """There is more than there is room for."""

    def __init__(self, breach: Breach) -> None:
        """Take the limit that would be exceeded."""
        super().__init__(f"{breach.seen}, allowed is {breach.allowed}")
        self.breach = breach


@dataclass(slots=True)
class Room:
    """How much may be copied, all copies together; None for all there is."""

    most_bytes: int | None = None
    most_files: int | None = None
    bytes: int = 0
    files: int = 0

    def take(self, size: int = 0, files: int = 0) -> None:
        """Use some of it.

        Raises:
            NoRoomError: that much is not left.
        """
        self.bytes += size
        self.files += files
        if self.most_bytes is not None and self.bytes > self.most_bytes:
            raise NoRoomError(Breach("disk", *figures.sizes(self.bytes, self.most_bytes)))
        if self.most_files is not None and self.files > self.most_files:
            raise NoRoomError(Breach("files", f"{self.files} files and folders", str(self.most_files)))


@dataclass(frozen=True, slots=True)
class Copier:
    """How copies are made: for everybody to write, with the times of the original.

    Attributes:
        room: What may be used.
        owner: User that the copies are given to; None for our own.
    """

    room: Room
    owner: int | None = None

    def copy(self, source: int, target: int, deeper: int = _DEEPEST) -> None:
        """Copy what is in the folder `source` into the folder `target`, which are open.

        Raises:
            NoRoomError: there is more of it than there is room for.
            OSError: a copy cannot be written.
        """
        with os.scandir(source) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    self._copy_file(entry.name, source, target)
                elif entry.is_dir(follow_symlinks=False) and deeper:
                    self._copy_folder(entry.name, source, target, deeper - 1)
        self._finish(target, os.fstat(source), 0o777)

    def _copy_folder(self, name: str, source: int, target: int, deeper: int) -> None:
        with _readable(name, source, _FOLDER) as inner:
            if inner is None:
                return
            self.room.take(files=1)
            os.mkdir(name, 0o700, dir_fd=target)
            with opened(name, target) as copied:
                self.copy(inner, copied, deeper)

    def _copy_file(self, name: str, source: int, target: int) -> None:
        with _readable(name, source, _FILE) as original:
            if original is None:
                return
            status = os.fstat(original)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                return
            self.room.take(files=1)
            with opened(name, target, _NEW) as copied:
                self._copy_data(original, copied, status.st_size)
                self._finish(copied, status, 0o777 if status.st_mode & _EXECUTABLE else 0o666)

    def _copy_data(self, original: int, copied: int, size: int) -> None:
        os.ftruncate(copied, size)
        end = 0
        while (start := _data_from(original, end)) is not None:
            end = os.lseek(original, start, os.SEEK_HOLE)
            self.room.take(end - start)
            os.lseek(copied, start, os.SEEK_SET)
            while start < end and (sent := os.sendfile(copied, original, start, end - start)):
                start += sent

    def _finish(self, descriptor: int, status: os.stat_result, mode: int) -> None:
        if self.owner is not None:
            os.fchown(descriptor, self.owner, self.owner)
        os.fchmod(descriptor, mode)
        os.utime(descriptor, ns=(status.st_mtime_ns, status.st_mtime_ns))


def _data_from(file: int, offset: int) -> int | None:
    """Return where the next data begin, None if there are no more."""
    try:
        return os.lseek(file, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise


@contextmanager
def _readable(name: str, folder: int, flags: int) -> Generator[int | None]:
    """Open something to read it; None if that is not allowed."""
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except PermissionError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened(name: str, folder: int | None = None, flags: int = _FOLDER) -> Generator[int]:
    """Open something, by default a folder that is no link, for as long as the block lasts; `folder` is an open one."""
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
