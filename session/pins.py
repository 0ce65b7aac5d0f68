"""Fingerprints of what a trial reads from outside git: declared inputs, environments, the program itself.

Guarantee: every file was hashed when the session opened; `moved` names the first file of each input whose content,
mode or presence differs since. An input that is itself a link is hashed by what it leads to.
Edge: an unchanged device, inode, mode, size, mtime and ctime (nanoseconds) count as unchanged content.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from .snapshot import Identity, identity

_CHUNK = 1 << 20


class Pins:
    """The inputs of one session, by absolute path."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths
        self._seen: dict[str, dict[str, Identity]] = {}
        self._hashes: dict[str, dict[str, str]] = {}

    def take(self) -> dict[str, str]:
        """Hash everything and return one SHA-256 per path; later calls of `moved` compare with this."""
        for path in self.paths:
            self._seen[path] = dict(_look(path))
            self._hashes[path] = {name: _hash(name, follow=name == path) for name in self._seen[path]}
        return {path: _together(hashes, path) for path, hashes in self._hashes.items()}

    def moved(self) -> list[str]:
        """The files that differ from what `take` saw, at most one for each input."""
        return [name for path in self.paths if (name := self._first_moved(path))]

    def _first_moved(self, path: str) -> str:
        seen, now = self._seen[path], dict(_look(path))
        for name in sorted(seen.keys() | now.keys()):
            if seen.get(name) == now.get(name):
                continue
            if name not in now or _hash(name, follow=name == path) != self._hashes[path].get(name):
                return name
        self._seen[path] = now
        return ""


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


def _look(path: str) -> Iterator[tuple[str, Identity]]:
    try:
        facts = os.stat(path)
    except OSError:
        return
    if not stat.S_ISDIR(facts.st_mode):
        yield path, identity(facts)
        return
    for folder, folders, files in os.walk(path):
        for name in (*(f for f in folders if os.path.islink(os.path.join(folder, f))), *files):
            place = os.path.join(folder, name)
            with suppress(OSError):  # removed since the folder was listed
                yield place, identity(os.lstat(place))


def _hash(path: str, *, follow: bool = False) -> str:
    """Of type, executable bit and content; a link is its text, an object that is no file only its type."""
    try:
        return _hash_now(path, os.stat(path, follow_symlinks=follow))
    except OSError:
        return ""


def _hash_now(path: str, facts: os.stat_result) -> str:
    whole = hashlib.sha256(f"{stat.S_IFMT(facts.st_mode):o} {facts.st_mode & 0o100:o}\0".encode("ascii"))
    if stat.S_ISLNK(facts.st_mode):
        whole.update(os.fsencode(os.readlink(path)))
    elif stat.S_ISREG(facts.st_mode):
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                whole.update(chunk)
    return whole.hexdigest()


def _together(hashes: Mapping[str, str], top: str) -> str:
    whole = hashlib.sha256()
    for name in sorted(hashes):
        whole.update(f"{os.path.relpath(name, top)}\0{hashes[name]}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()
