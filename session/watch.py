"""The checkout beside a session: is it clean when the session opens, and what is done to it later.

Guarantee: files are read raw and through no link; no filter, index or ignore rule of git is consulted. The checkout is
never what is measured, so a later difference stops nothing: it is reported once.
"""

import hashlib
import os
import stat
from collections.abc import Iterable

from .git import Entry, Git
from .places import Checkout
from .repository import Base
from .snapshot import Identity, identity

_WATCHED = 5000


class Watch:
    """The tracked files of one checkout, compared with one base commit."""

    def __init__(self, checkout: Checkout, git: Git, base: Base) -> None:
        self._root, self._git = checkout.root, git
        self._entries = {e.path: e for e in base.entries if e.type == "blob"}
        self._watched: dict[str, Identity | None] = {}
        self._target = ""

    def dirty(self) -> dict[str, str]:
        """Every tracked file that differs from the base commit, by full path, with how it differs."""
        return {path: said for path, entry in self._entries.items() if (said := self._difference(entry))}

    def start(self, target: str, named: Iterable[str]) -> None:
        """Remember how the watched files lie there now; all of them, unless there are very many."""
        paths = self._entries if len(self._entries) <= _WATCHED else {target, *named}
        self._watched = {path: self._identity(path) for path in paths}
        self._target = target

    def interference(self) -> list[str]:
        """What was done to the watched files since the last look, one sentence each."""
        found: list[str] = []
        for path, before in self._watched.items():
            now = self._identity(path)
            if now == before:
                continue
            self._watched[path] = now
            if said := self._reportable(path, now):
                found.append(f"{path} in the checkout {said}; what is measured is the frozen commit")
        return found

    def _reportable(self, path: str, now: Identity | None) -> str:
        if path == self._target:  # the agent may edit it natively and take it over: only its kind matters
            return "" if now and stat.S_ISREG(now[2]) else "is no longer a plain file"
        return self._difference(self._entries[path])

    def _identity(self, path: str) -> Identity | None:
        try:
            return identity(os.lstat(self._root / path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _difference(self, entry: Entry) -> str:
        place = self._root / entry.path
        now = self._identity(entry.path)
        if now is None:
            return "was deleted"
        kind = stat.S_IFMT(now[2])
        if kind != (stat.S_IFLNK if entry.mode == "120000" else stat.S_IFREG):
            return "is no longer a plain file" if entry.mode != "120000" else "is no longer a link"
        data = os.fsencode(os.readlink(place)) if kind == stat.S_IFLNK else _read(str(place))
        return "" if self._same(entry, data) else "was changed"

    def _same(self, entry: Entry, data: bytes) -> bool:
        if self._git.object_id("blob", data) == entry.oid:
            return True
        if b"\r\n" in data and self._git.object_id("blob", data.replace(b"\r\n", b"\n")) == entry.oid:
            return True
        pointer = self._git.read(entry.oid)
        return pointer.startswith(b"version https://git-lfs") and hashlib.sha256(data).hexdigest().encode() in pointer


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        return file.read()
