"""What lies at and below a path, known by identities that only the kernel writes, so that a second look is quick.

An identity is device, inode, mode, size, mtime and ctime (nanoseconds); for a link that leads to a file, those of the
file follow. Links to folders are not walked. What cannot be entered counts as empty.
Guarantee: whatever is added, removed or replaced below a path differs at the next look, and so does whatever is
written, once the identity is settled: older than the look by more than file systems round their times.
Edge: who sets the machine's clock can forge a ctime, and a mapping that is already writable writes without one.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter

Identity = tuple[int, ...]
SLACK = 2 * 1000**3  # nanoseconds; FAT counts in steps of two seconds, the kernel's own clock in hundredths
_TYPE = 0o170000
SIZE = 3  # its index in an identity
_MODE, _TIMES, _FACTS = 2, (4, 5), 6

_NOTHING: Mapping[str, Identity] = {}
_identity: Callable[[os.stat_result], Identity] = attrgetter(
    "st_dev", "st_ino", "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder, and the names directly below it that are not part of it."""

    path: str
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder as it was seen.

    Attributes:
        own: Its own identity.
        entries: The identities of what it holds, by name.
        listed: When its names were read, in nanoseconds since the epoch.
        looked: When the identities were read, likewise.
    """

    own: Identity
    entries: Mapping[str, Identity]
    listed: int
    looked: int


Tree = dict[str, Folder]  # by absolute path; below "" the place itself, by its whole path


def look(place: Place, known: Tree) -> Tree:
    """Everything at and below a place; folders that are as they were in `known` are not listed again."""
    now = time.time_ns()
    top = _entries([place.path], None)
    tree = {"": Folder((), top, now, now)}
    waiting = [place.path] if os.path.isdir(place.path) else []
    while waiting:
        path = waiting.pop()
        follow = 0 if path == place.path else os.O_NOFOLLOW
        with suppress(OSError):  # removed since its folder was listed, or closed to this user
            left_out = place.left_out if path == place.path else frozenset[str]()
            tree[path] = folder = _folder(path, follow, known.get(path), left_out)
            found = folder.entries.items()
            waiting += [os.path.join(path, name) for name, one in found if one[_MODE] & _TYPE == stat.S_IFDIR]
    return tree


def settled(one: Identity, looked: int) -> bool:
    """Whether a change after that look, however soon, cannot have left the identity as it is."""
    return all(one[start + at] + SLACK < looked for start in range(0, len(one), _FACTS) for at in _TIMES)


def names(tree: Tree) -> Iterator[tuple[str, Identity, int]]:
    """Every path of a tree with its identity and when that was read."""
    for path, folder in tree.items():
        for name, one in folder.entries.items():
            yield os.path.join(path, name), one, folder.looked


def find(tree: Tree, path: str) -> tuple[Identity, int] | None:
    """The identity of one path, and when that was read; None if it is not there."""
    above, _, name = path.rpartition("/")
    for folder, entry in ((above, name), ("", path)):
        if folder in tree and entry in tree[folder].entries:
            return tree[folder].entries[entry], tree[folder].looked
    return None


def differing(before: Tree, now: Tree) -> set[str]:
    """The paths that are in only one of two trees, or in both with another identity."""
    found = set[str]()
    for path in before.keys() | now.keys():
        old = before[path].entries if path in before else _NOTHING
        new = now[path].entries if path in now else _NOTHING
        if old != new:
            found |= {os.path.join(path, n) for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
    return found


def _folder(path: str, follow: int, known: Folder | None, left_out: frozenset[str]) -> Folder:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | follow)
    try:
        looked = time.time_ns()
        own = _identity(os.fstat(handle))
        if known and known.own == own and settled(own, known.listed):
            return Folder(own, _entries(known.entries, handle), known.listed, looked)
        listed = [name for name in os.listdir(handle) if name not in left_out]
        return Folder(own, _entries(listed, handle), looked, looked)
    finally:
        os.close(handle)


def _entries(wanted: Iterable[str], handle: int | None) -> dict[str, Identity]:
    wanted = list(wanted)
    try:
        found = {name: _identity(os.stat(name, dir_fd=handle, follow_symlinks=False)) for name in wanted}
    except OSError:  # one was removed since the folder was listed
        found = dict(_those_left(wanted, handle))
    for name in [name for name, one in found.items() if one[_MODE] & _TYPE == stat.S_IFLNK]:
        with suppress(OSError):  # it leads nowhere
            end = os.stat(name, dir_fd=handle)
            if stat.S_ISREG(end.st_mode):
                found[name] += _identity(end)
    return found


def _those_left(wanted: Iterable[str], handle: int | None) -> Iterator[tuple[str, Identity]]:
    for name in wanted:
        with suppress(OSError):
            yield name, _identity(os.stat(name, dir_fd=handle, follow_symlinks=False))
