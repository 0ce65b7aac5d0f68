"""The frozen files, materialised read-only outside the checkout and checked against their git object ids.

Guarantee: every file in the folder was re-hashed against the tree of the base commit when the session was opened, and
`verify` names whatever differs since then: content, mode, or a file that was added or removed.
Edge: unchanged device, inode, mode, size, mtime and ctime (nanoseconds) count as unchanged content; what moved is
hashed again. The target and the program are not part of it. Submodules are empty folders.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import RepositoryError
from .git import Entry, Git
from .repository import Base

_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_POINTER_BYTES = 1024

Identity = tuple[int, int, int, int, int, int]


def identity(facts: os.stat_result) -> Identity:
    """What changes whenever a file's bytes or mode do: device, inode, mode, size, mtime, ctime."""
    return facts.st_dev, facts.st_ino, facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


@dataclass(frozen=True, slots=True)
class _Frozen:
    entry: Entry
    oid: str  # of what lies on the disk: an LFS object is not its pointer


class Snapshot:
    """One tree in one folder.

    Args:
        folder: Where it lies; its parent must be private to the user.
        left_out: Full paths of the files that are not part of it.
        lfs: Folder of the local LFS objects.
    """

    def __init__(self, folder: Path, git: Git, base: Base, left_out: frozenset[str], lfs: Path) -> None:
        self.folder = folder
        self._git, self._base, self._left_out, self._lfs = git, base, left_out, lfs
        self._files: dict[str, _Frozen] = {}
        self._seen: dict[str, Identity] = {}

    def open(self) -> list[str]:
        """Make the folder what the tree says, and return what was found different in an existing one.

        Raises:
            RepositoryError: If an object is missing, or an LFS file is not in the local store.
        """
        found: list[str] = []
        if self.folder.exists():
            self._files = {e.path: _Frozen(e, self._content(e)[0]) for e in self._frozen_entries()}
            found = self._compare(self._files)
        if found or not self.folder.exists():
            self._rebuild()
        self._seen = dict(self._look())
        return found

    def verify(self) -> list[str]:
        """Say what differs from the tree, one sentence each; an empty list means nothing does."""
        now = dict(self._look())
        moved = {path for path in now.keys() | self._seen.keys() if now.get(path) != self._seen.get(path)}
        if not moved:
            return []
        found = self._compare({path: self._files[path] for path in moved if path in self._files})
        found += [f"{path} was added to" for path in sorted(now.keys() - self._seen.keys())]
        if not found:
            self._seen = now
        return found

    def _frozen_entries(self) -> Iterator[Entry]:
        return (entry for entry in self._base.entries if entry.type == "blob" and entry.path not in self._left_out)

    def _content(self, entry: Entry) -> tuple[str, bytes]:
        data = self._git.read(entry.oid)
        if self._git.object_id("blob", data) != entry.oid:
            raise RepositoryError(f"{entry.path}: object {entry.oid[:7]} is damaged. Run `git fsck`.")
        if len(data) <= _LFS_POINTER_BYTES and data.startswith(_LFS):
            data = self._from_lfs(entry, data)
            return self._git.object_id("blob", data), data
        return entry.oid, data

    def _from_lfs(self, entry: Entry, pointer: bytes) -> bytes:
        fields = dict(line.split(" ", 1) for line in pointer.decode("utf-8", "replace").splitlines() if " " in line)
        oid = fields.get("oid", "").removeprefix("sha256:")
        path = self._lfs / oid[:2] / oid[2:4] / oid
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != oid:
            raise RepositoryError(f"{entry.path}: its LFS object is not in the local store. Run `git lfs fetch`.")
        return data

    def _rebuild(self) -> None:
        self.remove()
        self.folder.mkdir(parents=True)
        self._files = {}
        for entry in self._base.entries:
            path = self.folder / entry.path
            if entry.type in {"tree", "commit"}:
                path.mkdir()
            elif entry.path not in self._left_out:
                self._write(entry, path)
        for folder, _, _ in os.walk(self.folder):
            os.chmod(folder, 0o777)  # noqa: S103 - below a private folder; the trial's own user must be able to add files

    def _write(self, entry: Entry, path: Path) -> None:
        oid, data = self._content(entry)
        self._files[entry.path] = _Frozen(entry, oid)
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

    def _compare(self, files: dict[str, _Frozen]) -> list[str]:
        return [said for path in sorted(files) if (said := self._difference(path, files[path]))]

    def _difference(self, path: str, frozen: _Frozen) -> str:
        place = self.folder / path
        try:
            facts = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return f"{path} was removed from"
        if frozen.entry.mode == "120000":
            data = os.fsencode(os.readlink(place)) if stat.S_ISLNK(facts.st_mode) else b""
        elif not stat.S_ISREG(facts.st_mode) or bool(facts.st_mode & 0o100) != (frozen.entry.mode == "100755"):
            return f"{path} has another type or mode in"
        else:
            data = place.read_bytes()
        return "" if self._git.object_id("blob", data) == frozen.oid else f"{path} was changed in"

    def remove(self) -> None:
        """Delete the folder."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
