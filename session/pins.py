"""Fingerprints of what a trial reads from outside git: declared inputs, environments, the program and its Python.

Guarantee: every file was hashed when the session opened, bytecode and links' ends included, and what belongs to a
path by `closure` counts as a part of it; `moved` names the first file of each place whose content, executable bit,
type or presence differs since. Asked before and after each run, it costs one look (see `trees`); `fully` hashes
everything again.
Edge: a change that was taken back completely between two looks is not seen. An identity that is not settled, or whose
file somebody has open for writing, proves nothing: such a file is hashed at every look.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress

from .closure import closure
from .hashes import Known, hash_all, load, store
from .trees import SIZE, Place, Tree, differing, find, look, names, settled

_WORTH_KEEPING = 16_000_000  # bytes of a single file; less is hashed again sooner than it is looked up


class Pins:
    """The inputs of one session, by absolute path."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths
        self._places = {path: (*closure(path), Place(path)) for path in paths}
        self._pinned = {place: _Pinned(place) for places in self._places.values() for place in places}
        sys.dont_write_bytecode = True  # what this process imports later must not appear in a pinned library

    def take(self, *, fully: bool = False) -> dict[str, str]:
        """Hash everything and return one SHA-256 per path; later calls of `moved` compare with this.

        Hashes of earlier sessions stand in for files of the same identity, unless `fully`.
        """
        for pinned in self._pinned.values():
            pinned.take(fully=fully)
        return {path: self._together(places) for path, places in self._places.items()}

    def moved(self, *, fully: bool = False) -> list[str]:
        """The files that differ from what `take` saw, at most one for each place.

        Args:
            fully: Hash every file again, whatever its identity says.
        """
        return [name for pinned in self._pinned.values() if (name := pinned.first_moved(fully=fully))]

    def named(self, path: str) -> str:
        """The file at or below one of the paths that is known to have changed since an earlier opening, else the path.

        Fingerprints alone say only that something did; the kept hashes of that opening say what.
        """
        return next((found for place in self._places[path] if (found := self._pinned[place].changed)), path)

    @property
    def files(self) -> int:
        """How many files and folders were hashed."""
        return sum(len(pinned.hashes) for pinned in self._pinned.values())

    def _together(self, places: tuple[Place, ...]) -> str:
        whole = hashlib.sha256()
        for place in places:
            whole.update(f"{place.path}\0{self._pinned[place].digest()}\n".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()


class _Pinned:
    """One place: its files by identity and by content."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tree: Tree = {}
        self._doubtful = set[str]()
        self.changed = ""
        self.hashes: dict[str, str] = {}

    def take(self, *, fully: bool) -> None:
        kept_before = load(self._place)
        known: Known = {} if fully else kept_before
        self._tree = look(self._place, {})
        seen = {name: (one, looked) for name, one, looked in names(self._tree)}
        self.hashes = {n: known[n][1] for n, (one, _) in seen.items() if n in known and known[n][0] == one}
        fresh = sorted(seen.keys() - self.hashes.keys())
        found = dict(zip(fresh, hash_all(fresh), strict=True))
        self.hashes |= {name: hashed.sha256 for name, hashed in found.items()}
        self._doubtful = {name for name, hashed in found.items() if hashed.shared or not settled(*seen[name])}
        other = (n for n in sorted(kept_before) if self.hashes.get(n) != kept_before[n][1])
        self.changed = self.changed or next(other, "")
        kept = {n: (one, self.hashes[n]) for n, (one, _) in seen.items() if n not in self._doubtful}
        if kept != kept_before and (len(self._tree) > 1 or sum(one[SIZE] for one, _ in kept.values()) > _WORTH_KEEPING):
            store(self._place, kept)

    def first_moved(self, *, fully: bool) -> str:
        now = look(self._place, self._tree)
        every: Iterable[str] = self.hashes if fully else ()
        suspects = sorted({*differing(self._tree, now), *self._doubtful, *every})
        doubtful = set[str]()
        for name, hashed in zip(suspects, hash_all(suspects), strict=True):
            seen = find(now, name)
            if seen is None or self.hashes.get(name) != hashed.sha256:
                return name
            if hashed.shared or not settled(*seen):
                doubtful.add(name)
        self._tree, self._doubtful = now, doubtful
        return ""

    def digest(self) -> str:
        """Of names and content together; names count from the place on."""
        whole, start = hashlib.sha256(), len(self._place.path)
        for name in sorted(self.hashes):
            whole.update(f"{name[start:]}\0{self.hashes[name]}\n".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The paths whose fingerprints are not the same."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def first_socket(path: str) -> str | None:
    """A socket at or below `path`: read-only or not, whoever may see it can talk to the process behind it."""
    places = (os.path.join(folder, name) for folder, _, files in os.walk(path) for name in files)
    for place in (path, *places):
        with suppress(OSError):
            if stat.S_ISSOCK(os.lstat(place).st_mode):
                return place
    return None
