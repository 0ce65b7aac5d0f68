"""The checkout beside a session: is it clean when the session opens, and what is done to it later.

Guarantee: files are read raw, through no link, and no further than they could be equal; no filter, index or ignore
rule of git is consulted. The checkout is never what is measured, so a later difference stops nothing: it is reported
once.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from .files import read_at_most
from .git import Entry, Git
from .places import Checkout
from .repository import Base
from .snapshot import Identity, identity

_WATCHED = 5000
_LFS = b"version https://git-lfs"


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
        except OSError:  # gone, or its folder is a file, a circle of links, or closed
            return None

    def _difference(self, entry: Entry) -> str:
        now = self._identity(entry.path)
        if now is None:
            return "was deleted"
        kind = stat.S_IFMT(now[2])
        if kind != (stat.S_IFLNK if entry.mode == "120000" else stat.S_IFREG):
            return "is no longer a plain file" if entry.mode != "120000" else "is no longer a link"
        folder = os.path.dirname(self._root / entry.path)
        if os.path.realpath(folder) != folder:
            return "lies behind a link now"
        try:
            return "" if self._same(entry, self._root / entry.path, now[3]) else "was changed"
        except OSError:  # it was replaced after the look
            return "was changed"

    def _same(self, entry: Entry, place: Path, size: int) -> bool:
        if entry.mode == "120000":
            return self._git.object_id("blob", os.fsencode(os.readlink(place))) == entry.oid
        committed = self._git.read(entry.oid)
        if committed.startswith(_LFS):
            return size == _lfs_size(committed) and _sha256(place, size).encode() in committed
        data = read_at_most(place, 2 * len(committed) + 1)  # line endings at most double it
        return committed in {data, data.replace(b"\r\n", b"\n")}


def _lfs_size(pointer: bytes) -> int:
    found = re.search(rb"^size (\d{1,18})$", pointer, re.MULTILINE)
    return int(found[1]) if found else -1


def _sha256(place: Path, size: int) -> str:
    return hashlib.sha256(read_at_most(place, size + 1)).hexdigest()
