"""A folder with a `program.md` inside a repository, and the sessions that were opened for it."""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from . import journal, program
from .contract import Program
from .errors import JournalError, RepositoryError
from .files import read_at_most, write_whole
from .places import PROGRAM, find_checkout
from .repository import Base, Repository
from .snapshot import Identity, identity

_POINTER_BYTES = 4096
_TICK = 2_000_000_000  # nanoseconds; file systems differ
_MTIME = 4
_FIRST_RECORD_BYTES = 4_000_000  # it holds the contract and a fingerprint for each input


@dataclass(frozen=True, slots=True)
class Known:
    """A session that exists: its tag, the folder of its state, and what its first record says."""

    tag: str
    home: Path
    opened: str
    digest: str


class Project:
    """The project that a server or a command was started for.

    Raises:
        RepositoryError: If the folder is not in a git working tree.
    """

    def __init__(self, folder: Path) -> None:
        self.checkout = find_checkout(folder)
        self.repository = Repository(self.checkout)
        self.git = self.repository.git
        self._bases: dict[str, Base] = {}
        self._program: tuple[Identity, Program] | None = None

    def program(self) -> Program:
        """`program.md` as it is now.

        Raises:
            ProgramError: If it is missing or not valid.
        """
        path = self.checkout.project / PROGRAM
        try:
            now = identity(path.stat(follow_symlinks=False))
        except OSError:
            return program.load(path)
        if self._program and self._program[0] == now:
            return self._program[1]
        settled = now[_MTIME] < time.time_ns() - _TICK  # two writes at one tick of the clock leave the same times
        found = program.load(path)
        self._program = (now, found) if settled else None
        return found

    def base(self, commit: str) -> Base:
        """The frozen tree of a commit."""
        if commit not in self._bases:
            self._bases[commit] = self.repository.base(commit)
        return self._bases[commit]

    def sessions(self) -> list[Known]:
        """Every session of this repository that was really opened, oldest first."""
        folder = self.checkout.pointers()
        pointers = sorted(folder.iterdir()) if folder.is_dir() else []
        found = [known for pointer in pointers if (known := _known(pointer))]
        return sorted(found, key=lambda known: known.opened)

    def session(self, tag: str | None) -> Known | None:
        """The session of that tag; without a tag the latest one of the present contract."""
        if tag is not None:
            return next((known for known in self.sessions() if known.tag == tag), None)
        digest = self.program().contract.digest()
        mine = [known for known in self.sessions() if known.digest == digest]
        return mine[-1] if mine else None

    def latest(self, tag: str | None) -> Known:
        """The session of that tag, else the latest of this repository whatever its contract.

        Raises:
            RepositoryError: If there is none.
        """
        known = self.sessions()
        found = [session for session in known if tag in {None, session.tag}]
        if not found:
            names = ", ".join(session.tag for session in known) or "none yet"
            raise RepositoryError(f"no session {tag or ''} here. Sessions: {names}. The first run_eval opens one.")
        return found[-1]

    def home_for(self, tag: str) -> Path:
        """Where a new session's state goes, noted in the git directory so that later servers find it."""
        pointer = self.checkout.pointers() / tag
        if known := _home(pointer):
            return known
        home = self.checkout.state_home() / tag
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        pointer.parent.mkdir(exist_ok=True)
        write_whole(pointer, f"{home}\n".encode(), sync=True)  # without it nobody finds what the journal holds
        return home

    def free_tag(self, today: datetime) -> str:
        """A tag from the date, such as `mar8`, with a number behind it if that is taken."""
        name = f"{today:%b}{today.day}".lower()
        taken = {known.tag for known in self.sessions()}
        taken |= {ref.split("/")[2] for ref in self.git.refs("refs/referee/")}
        return next(tag for n in range(1, 10_000) if (tag := name if n == 1 else f"{name}-{n}") not in taken)


def _known(pointer: Path) -> Known | None:
    home = _home(pointer)
    first = first_record(home / "journal.jsonl") if home else None
    if home is None or first is None or first.kind != "opened":
        return None
    return Known(str(first.data["tag"]), home, first.time, str(first.data["contract_digest"]))


def _home(pointer: Path) -> Path | None:
    """The absolute path that a pointer file holds, or None if it is no such file."""
    try:
        text = read_at_most(pointer, _POINTER_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return None
    return Path(text) if text.startswith("/") and text.isprintable() else None


def first_record(path: Path) -> journal.Record | None:
    """The first record of a journal, or None if there is no readable one."""
    try:
        line = read_at_most(path, _FIRST_RECORD_BYTES).split(b"\n", 1)[0]
        return journal.parse(line, 1, journal.GENESIS, path)
    except (OSError, JournalError):
        return None


def refuse_tag(tag: str) -> None:
    """Make sure that a tag can be part of a ref and of a path.

    Raises:
        RepositoryError: If it cannot.
    """
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    wrong = not tag or len(tag) > 64 or not set(tag) <= allowed or not tag[0].isalnum()  # noqa: PLR2004 - said in the message
    if wrong or ".." in tag or tag.endswith((".", ".lock")):
        raise RepositoryError(
            f"tag {tag!r}: expected up to 64 letters, digits, '-', '_' or single '.', starting with a letter or digit, "
            "such as mar8."
        )
