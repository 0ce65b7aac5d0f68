"""Reading and writing single files where someone else may be writing too.

Guarantee: no link is followed, no device or pipe is waited for, and a written file appears whole or not at all.
Edge: a plain file that another process writes while it is read is read as it is at that moment.
"""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from .errors import RefusedError

EDITABLE_BYTES = 1_000_000


def read_regular(folder: Path, relative: str, limit: int = EDITABLE_BYTES) -> bytes:
    """The bytes of a plain file below `folder`.

    Raises:
        RefusedError: If a part of the path is a link, or the file is missing, hard-linked, special or too large.
    """
    try:
        handle = _open_below(folder, relative)
    except OSError as fault:
        raise RefusedError(f"{relative} in the checkout cannot be read: {fault.strerror}.") from None
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            raise RefusedError(
                f"{relative} in the checkout is not a plain file of its own (folder, hard link, pipe or device)."
            )
        if facts.st_size > limit:
            raise RefusedError(f"{relative} in the checkout has {facts.st_size} bytes; at most {limit} are allowed.")
        with open(handle, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(handle)


def read_at_most(path: Path, size: int) -> bytes:
    """The first `size` bytes of the file at `path`; its last part is not followed if it is a link.

    Raises:
        OSError: If it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(size)
    finally:
        os.close(descriptor)


def _open_below(folder: Path, relative: str) -> int:
    *folders, name = relative.split("/")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Make a folder, and what is missing above it, closed to other users."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)


def write_whole(path: Path, data: bytes, mode: int = 0o644, *, sync: bool = False) -> None:
    """Put `data` at `path` by renaming a finished file over it; neither it nor its folder is followed as a link.

    With `sync` it is on the disk when this returns, whole, even where the power goes right after.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    spare = f".{path.name}.{secrets.token_hex(8)}"
    try:
        with open(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(spare, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        if sync:
            os.fsync(folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(spare, dir_fd=folder)
        raise
    finally:
        os.close(folder)
