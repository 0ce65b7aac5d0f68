"""Git plumbing through a git directory that Referee owns; the only module that imports GitPython.

Guarantee: no hook, filter, fsmonitor, textconv, signer, editor or alias of the person runs, no replace ref or
`GIT_*` variable takes effect, nothing is fetched. The owned directory has its own `config` and `HEAD`; objects, refs
and packed-refs are links to the person's. Only plumbing commands are called, with raw bytes in and out. Every object
that is read is hashed again: what lies under another object's id is refused, trees and commits included.
Edge: what the person's own git does to the same refs and objects at the same time is theirs.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from git.cmd import Git as GitPython

from .batch import Batch
from .errors import RepositoryError
from .files import make_private, write_whole
from .ref_locks import break_stale
from .stored import Stored

_COLLECTED, _LOCKED = "nonexistent object", ".lock': File exists"
_TYPES = {"040000": "tree", "160000": "commit"}  # by mode; everything else is a blob

_NO_CONFIGURATION = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1"}
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Referee",
    "GIT_AUTHOR_EMAIL": "referee@localhost",
    "GIT_COMMITTER_NAME": "Referee",
    "GIT_COMMITTER_EMAIL": "referee@localhost",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree: mode in six octal digits, type, object id, full path from the root of the tree."""

    mode: str
    type: str
    oid: str
    path: str


class Git:
    """One owned git directory over one repository.

    Args:
        owned: Folder to keep the owned git directory in; made if it is missing.
        common_dir: The person's git directory with objects and refs.

    Raises:
        RepositoryError: If the repository stores its refs in a way that cannot be shared (reftable).
    """

    def __init__(self, owned: Path, common_dir: Path) -> None:
        self.dir, self._common_dir = owned, common_dir
        self._stored = Stored(self._word)
        make_private(owned)
        self._client = _client(owned)
        extensions = self._extensions(common_dir / "config")
        self.object_format = extensions.get("objectformat", "sha1")
        if extensions.get("refstorage", "files") != "files":
            raise RepositoryError(
                f"{common_dir}: refs are stored as {extensions['refstorage']!r}, which Referee cannot share safely. "
                "Run `git refs migrate --ref-format=files`."
            )
        self._make(common_dir)
        self._batch = Batch(lambda: self._start(["cat-file", "--batch"]))
        self._reading = threading.Lock()

    def _extensions(self, config: Path) -> dict[str, str]:
        if not config.is_file():
            return {}
        listing = self._run(
            "config", "--file", str(config), "--no-includes", "--null", "--get-regexp", r"^extensions\.", ok=(0, 1)
        )
        pairs = (item.split("\n", 1) for item in listing.decode("utf-8", "replace").split("\0") if "\n" in item)
        return {key.removeprefix("extensions."): value.lower() for key, value in pairs}

    def _make(self, common_dir: Path) -> None:
        for name in ("objects", "refs", "packed-refs", "shallow"):
            _link(self.dir / name, common_dir / name)
        version = 1 if self.object_format != "sha1" else 0
        config = (
            f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n\thooksPath = /dev/null\n"
            "\tfsmonitor = false\n\tlogAllRefUpdates = false\n\tattributesFile = /dev/null\n"
            "\tfsync = loose-object,reference\n\tcommitGraph = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
        )
        if version:
            config += f"[extensions]\n\tobjectFormat = {self.object_format}\n"
        for name, text in (("config", config), ("HEAD", "ref: refs/heads/referee-owned-unborn\n")):
            write_whole(self.dir / name, text.encode("ascii"))

    def _environment(self) -> dict[str, str]:
        return {
            **_NO_CONFIGURATION,
            "GIT_DIR": str(self.dir),
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }

    def _start(self, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> "Popen[bytes]":
        running: Any = self._client.execute(
            ["git", *arguments],
            as_process=True,
            istream=cast("BinaryIO", PIPE),
            env=self._environment() | dict(env or {}),
        )
        process: Popen[bytes] = running.proc
        running.proc = None  # its destructor would terminate the process; here the caller waits for it
        return process

    def _run(
        self, *arguments: str, data: bytes = b"", env: Mapping[str, str] | None = None, ok: tuple[int, ...] = (0,)
    ) -> bytes:
        process = self._start(arguments, env)
        out, err = process.communicate(data)
        if process.returncode not in ok:
            self._refuse_gone()
            said = err.decode("utf-8", "replace").strip() or f"exit {process.returncode}"
            raise RepositoryError(f"git {arguments[0]} failed: {said}")
        return out

    def _word(self, arguments: tuple[str, ...], data: bytes, env: Mapping[str, str]) -> str:
        return self._run(*arguments, data=data, env=env).decode("ascii").strip()

    def resolve(self, name: str) -> str | None:
        """The object id behind a full ref name or object expression, or None if there is none."""
        out = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", name, ok=(0, 1, 128))
        return out.decode("ascii").strip() or None

    def entries(self, tree: str) -> tuple[Entry, ...]:
        """Every file, link, submodule and folder of a tree, folders before what they hold.

        Raises:
            RepositoryError: If a tree is missing, damaged, or holds a name that leads elsewhere.
        """
        found: list[Entry] = []
        levels = [self._level(tree, "")]
        while levels:
            entry = next(levels[-1], None)
            if entry is None:
                levels.pop()
                continue
            found.append(entry)
            if entry.type == "tree":
                levels.append(self._level(entry.oid, f"{entry.path}/"))
        return tuple(found)

    def _level(self, tree: str, prefix: str) -> Iterator[Entry]:
        data = self.read(tree, "tree")
        width, at = hashlib.new(self.object_format).digest_size, 0
        names = {b"", b".", b".."}
        while at < len(data):
            end = data.find(b"\0", at)
            mode, _, name = data[at:end].partition(b" ")
            at = end + 1 + width
            if end < 0 or at > len(data) or not mode.isdigit() or b"/" in name or name in names:
                raise RepositoryError(f"tree {tree[:7]} holds {name[:80]!r}, a name that is never legitimate.")
            names.add(name)
            padded = mode.decode("ascii").zfill(6)
            yield Entry(padded, _TYPES.get(padded, "blob"), data[end + 1 : at].hex(), prefix + os.fsdecode(name))

    def tree_of(self, commit: str) -> str:
        """The tree of a commit.

        Raises:
            RepositoryError: If the commit is missing or damaged.
        """
        word, _, rest = self.read(commit, "commit").partition(b" ")
        if word != b"tree":
            raise RepositoryError(f"commit {commit[:7]} is damaged. Run `git fsck`.")
        return rest.partition(b"\n")[0].decode("ascii", "replace")

    def read(self, oid: str, kind: str = "blob") -> bytes:
        """The raw bytes of an object, from one `cat-file --batch` that stays open; any thread may ask.

        Raises:
            RepositoryError: If the object is not in the repository, or is not what its id says.
        """
        with self._reading:
            found = self._batch.ask(oid)
            if found is None and self._stored.again(oid):
                found = self._batch.ask(oid)
            if found is not None and self.object_id(*found) != oid:
                self._batch.stop()  # what it says next may still belong to this answer
                raise RepositoryError(f"object {oid[:7]} is damaged. Run `git fsck`.")
        if found is None:
            self._refuse_gone()
            raise RepositoryError(
                f"object {oid} is missing from the repository. Fetch it (`git fetch --refetch`) and try again."
            )
        if found[0] != kind:
            raise RepositoryError(f"object {oid[:7]} is a {found[0]}, expected a {kind}.")
        return found[1]

    def _refuse_gone(self) -> None:
        if not (self._common_dir / "objects").is_dir():
            raise RepositoryError(
                f"{self._common_dir}: is not there any more; the repository was moved or deleted. "
                "Put it back, or start the server again in its new place: the session goes on there."
            )

    def object_id(self, kind: str, data: bytes) -> str:
        """The id that git gives to these bytes; computed here, so that what git returned can be checked."""
        return hashlib.new(self.object_format, f"{kind} {len(data)}\0".encode("ascii") + data).hexdigest()

    def write_blob(self, data: bytes) -> str:
        """Store bytes as a blob, exactly as they are."""
        return self._stored.write("hash-object", "-w", "--stdin", data=data)

    def write_tree(self, entries: Iterable[tuple[str, str, str, str]]) -> str:
        """Store one folder, given as (mode, type, oid, name)."""
        lines = (f"{mode} {kind} {oid}\t{name}\0" for mode, kind, oid, name in entries)
        return self._stored.write("mktree", "-z", "--missing", data=os.fsencode("".join(lines)))

    def write_commit(self, tree: str, parent: str, message: str, when: int) -> str:
        """Store a commit by Referee at `when` (seconds since the epoch, UTC), with one parent."""
        dates = {"GIT_AUTHOR_DATE": f"@{when} +0000", "GIT_COMMITTER_DATE": f"@{when} +0000"}
        return self._stored.write(
            "commit-tree", tree, "-p", parent, data=message.encode("utf-8"), env=_IDENTITY | dates
        )

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Every ref that has one of these names or lies below it, by full name."""
        return dict(self.each_ref(*prefixes))

    def each_ref(self, *prefixes: str) -> Iterator[tuple[str, str]]:
        """The same one by one, as name and object id: there may be very many. They are listed when this returns."""
        lines = BytesIO(self._run("for-each-ref", "--format=%(refname) %(objectname)", *prefixes))
        return (_pair(os.fsdecode(line).rstrip("\n")) for line in lines)

    def set_refs(self, wanted: Mapping[str, str | None]) -> None:
        """Point refs at objects, or delete them (None), all together or not at all."""
        commands = (
            f"delete {name}\0\0" if oid is None else f"update {name}\0{oid}\0\0" for name, oid in wanted.items()
        )
        words, data = ("update-ref", "--no-deref", "--stdin", "-z"), os.fsencode("".join(commands))
        try:
            self._run(*words, data=data)
        except RepositoryError as fault:
            if _COLLECTED in str(fault):
                self._stored.all_again()
            elif _LOCKED in str(fault):
                break_stale(self._common_dir / name for name in wanted)
            else:
                raise
            self._run(*words, data=data)

    def close(self) -> None:
        """End the process that serves `read`."""
        with self._reading:
            self._batch.stop()


def _pair(line: str) -> tuple[str, str]:
    name, _, oid = line.rpartition(" ")
    return name, oid


def _client(folder: Path) -> "GitPython":
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]  # before the import: GitPython reads some of them, and inherits all of them
    os.environ.update(_NO_CONFIGURATION)  # the import runs `git version`, which reads the person's configuration
    try:
        from git.cmd import Git as GitPython  # noqa: PLC0415 - costs a tenth of a second that a start must not pay
    finally:
        for name in _NO_CONFIGURATION:
            del os.environ[name]
    return GitPython(str(folder))


def _link(place: Path, to: Path) -> None:
    if place.is_symlink() and os.readlink(place) == str(to):
        return
    spare = place.with_name(f"{place.name}.{secrets.token_hex(8)}")
    spare.symlink_to(to)
    os.replace(spare, place)  # another server may be making the same one
