"""The frozen files, materialised read-only outside the checkout and checked against their git object ids.

Guarantee: when the session was opened the folder held exactly what the tree of the base commit names, every file hashed
again; `verify` names whatever differs since then: content, mode, type, or what was added or removed.
Edge: unchanged device, inode, mode, size, mtime and ctime (nanoseconds) count as unchanged content; what moved is
hashed again. The target and the program are not part of it. Submodules are empty folders.
"""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import RepositoryError
from .files import read_at_most
from .git import Entry, Git
from .repository import Base

_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_POINTER_BYTES = 1024
_SHA256 = re.compile("[0-9a-f]{64}")

Identity = tuple[int, int, int, int, int, int]


def identity(facts: os.stat_result) -> Identity:
    """What changes whenever a file's bytes or mode do: device, inode, mode, size, mtime, ctime."""
    return facts.st_dev, facts.st_ino, facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


@dataclass(frozen=True, slots=True)
class _Frozen:
    entry: Entry
    oid: str  # of what lies on the disk: an LFS object is not its pointer
    size: int


class Snapshot:
    """One tree in one folder.

    Args:
        folder: Where it lies; its parent must be private to the user.
        left_out: Full paths of the files that are not part of it.
        lfs: Folder of the local LFS objects.
    """

    def __init__(self, folder: Path, git: Git, base: Base, left_out: frozenset[str], lfs: Path) -> None:
        self.folder = folder
        self._git, self._left_out, self._lfs = git, left_out, lfs
        self._entries = {entry.path: entry for entry in base.entries if entry.path not in left_out}
        self._files: dict[str, _Frozen] = {}
        self._seen: dict[str, Identity] = {}

    def open(self) -> list[str]:
        """Make the folder what the tree says, and return what was found different in an existing one.

        Raises:
            RepositoryError: If an object is missing, an LFS file is not in the local store, or someone changes the
                folder while it is made.
        """
        found: list[str] = []
        if there := os.path.lexists(self.folder):
            self._files = {
                e.path: self._frozen(e, self._content(e)) for e in self._entries.values() if e.type == "blob"
            }
            found = self._check()
        if found or not there:
            self._rebuild()
            if wrong := self._check():
                raise RepositoryError(f"{wrong[0]} the snapshot while it was made. Try again.")
        return found

    def verify(self) -> list[str]:
        """Say what differs from the tree, one sentence each; an empty list means nothing does."""
        now = dict(self._look())
        moved = {path for path in now.keys() | self._seen.keys() if now.get(path) != self._seen.get(path)}
        found = self._compare(moved)
        if not found:
            self._seen = now
        return found

    def _check(self) -> list[str]:
        self._seen = dict(self._look())  # before the hashing: what moves after it is hashed by `verify`
        return self._compare({"", *self._seen, *self._entries})

    def _frozen(self, entry: Entry, data: bytes) -> _Frozen:
        return _Frozen(entry, self._git.object_id("blob", data), len(data))

    def _content(self, entry: Entry) -> bytes:
        try:
            data = self._git.read(entry.oid)
        except RepositoryError as fault:
            raise RepositoryError(f"{entry.path}: {fault}") from None
        if len(data) <= _LFS_POINTER_BYTES and data.startswith(_LFS):
            return self._from_lfs(entry, data)
        return data

    def _from_lfs(self, entry: Entry, pointer: bytes) -> bytes:
        fields = dict(line.split(" ", 1) for line in pointer.decode("utf-8", "replace").splitlines() if " " in line)
        oid = fields.get("oid", "").removeprefix("sha256:")
        path = self._lfs / oid[:2] / oid[2:4] / oid
        data = path.read_bytes() if _SHA256.fullmatch(oid) and path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != oid:
            raise RepositoryError(f"{entry.path}: its LFS object is not in the local store. Run `git lfs fetch`.")
        return data

    def _rebuild(self) -> None:
        self.remove()
        self.folder.mkdir(parents=True)
        self._files = {}
        for entry in self._entries.values():
            path = self.folder / entry.path
            if entry.type == "blob":
                self._write(entry, path)
            else:
                path.mkdir()
        for folder, _, _ in os.walk(self.folder):
            os.chmod(folder, 0o777)  # noqa: S103 - below a private folder; the trial's own user must be able to add files

    def _write(self, entry: Entry, path: Path) -> None:
        data = self._content(entry)
        self._files[entry.path] = self._frozen(entry, data)
        if entry.mode == "120000":
            path.symlink_to(os.fsdecode(data))
            return
        mode = 0o555 if entry.mode == "100755" else 0o444
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)

    def _look(self) -> Iterator[tuple[str, Identity]]:
        top = len(str(self.folder)) + 1
        for folder, folders, files in os.walk(self.folder):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                yield path[top:], identity(os.lstat(path))
        yield "", identity(os.lstat(self.folder))

    def _compare(self, paths: set[str]) -> list[str]:
        return [f"{path or 'the whole folder'} {said}" for path in sorted(paths) if (said := self._difference(path))]

    def _difference(self, path: str) -> str:
        try:
            facts = os.lstat(self.folder / path)
        except OSError:
            return "was removed from"
        entry = self._entries.get(path)
        if path and entry is None:
            return "was added to"
        if entry is None or entry.type != "blob":
            return "" if stat.S_ISDIR(facts.st_mode) else "has another type in"
        return self._changed(self._files[path], self.folder / path, facts)

    def _changed(self, frozen: _Frozen, place: Path, facts: os.stat_result) -> str:
        link = frozen.entry.mode == "120000"
        if stat.S_IFMT(facts.st_mode) != (stat.S_IFLNK if link else stat.S_IFREG):
            return "has another type in"
        if not link and bool(facts.st_mode & 0o100) != (frozen.entry.mode == "100755"):
            return "has another mode in"
        try:
            data = os.fsencode(os.readlink(place)) if link else read_at_most(place, frozen.size + 1)
        except OSError:
            return "was changed in"
        return "" if self._git.object_id("blob", data) == frozen.oid else "was changed in"

    def remove(self) -> None:
        """Delete the folder."""
        if self.folder.is_symlink() or self.folder.is_file():
            self.folder.unlink()
        elif self.folder.exists():
            shutil.rmtree(self.folder)
