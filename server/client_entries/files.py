"""Reading and writing a client's file in a project.

Guarantee: no link is followed, a file appears whole or stays as it was, and one that changed meanwhile is not written.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ...session.files import read_regular, write_whole
from .errors import EntryError

_NEW = 0o644


def read(folder: Path, path: str) -> str | None:
    """The text of a file of the project, None if there is none.

    Raises:
        EntryError: If a part of the path is a link, or the file is read-only or no UTF-8.
        RefusedError: If it is no plain file or very large.
    """
    place = folder
    for part in path.split("/"):
        place /= part
        if place.is_symlink():
            raise EntryError(f"{place}: found a link, which is not followed. Replace it, or change what it leads to.")
        if not os.path.lexists(place):
            return None
    if not place.stat().st_mode & stat.S_IWUSR:
        raise EntryError(f"{place}: is read-only. Make it writable with chmod u+w, or use --print.")
    try:
        return read_regular(folder, path).decode("utf-8")
    except UnicodeDecodeError as fault:
        line = fault.object.count(b"\n", 0, fault.start) + 1
        raise EntryError(f"{path}: line {line}: not UTF-8; save the file in that encoding.") from None


def missing_folders(folder: Path, path: str) -> tuple[str, ...]:
    """Folders of the path that do not exist, outermost first."""
    parents = [parent.as_posix() for parent in Path(path).parents][:-1]
    return tuple(parent for parent in reversed(parents) if not (folder / parent).exists())


def write(folder: Path, path: str, before: str | None, after: str) -> None:
    """Put the text there, if what is there is still what was read.

    Raises:
        EntryError: If it changed, or cannot be written.
    """
    _refuse_changed(folder, path, before)
    place = folder / path
    try:
        for parent in missing_folders(folder, path):
            (folder / parent).mkdir()
        mode = _NEW if before is None else stat.S_IMODE(place.stat().st_mode)
        write_whole(place, after.encode("utf-8"), mode)
    except OSError as fault:
        raise EntryError(f"{place}: cannot be written: {fault.strerror}. Use --print and add it by hand.") from None
    except UnicodeEncodeError:
        raise EntryError(f"{folder}: a path that is not UTF-8 cannot stand in {path}. Use --portable.") from None


def remove(folder: Path, path: str, before: str | None) -> None:
    """Remove a file that was made.

    Raises:
        EntryError: If it changed, or cannot be removed.
    """
    _refuse_changed(folder, path, before)
    try:
        (folder / path).unlink()
    except OSError as fault:
        raise EntryError(f"{folder / path}: cannot be removed: {fault.strerror}.") from None


def remove_folders(folder: Path, made: Iterable[str]) -> None:
    """Remove those of the folders that were made and are empty; what is below comes before what is above."""
    for path in sorted(made, reverse=True):
        with suppress(OSError):  # not empty, so no longer ours alone
            (folder / path).rmdir()


def _refuse_changed(folder: Path, path: str, before: str | None) -> None:
    if read(folder, path) != before:
        raise EntryError(f"{folder / path}: was changed just now by someone else. Run the command again.")
