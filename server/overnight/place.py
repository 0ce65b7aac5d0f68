"""Where a night belongs: the session that it is for, and the folder `agent/` in that session's state.

Guarantee: what could not carry a session is refused before a client is started, and one session has one night at most.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...session.contract import Program
from ...session.errors import JournalError, RepositoryError
from ...session.files import make_private, write_whole
from ...session.holder import NIGHT, night_lock
from ...session.places import PROGRAM, refuse_pointer
from ...session.project import Project, refuse_tag
from ...session.refs import refuse_blocked
from ...session.verify import who_holds

_PATIENCE = 0.25  # seconds: a server that opens has the lock for a moment to find out whether anybody does


@dataclass(frozen=True, slots=True)
class Place:
    """A session, opened or still to be opened by its first server.

    Attributes:
        project: The folder of `program.md`.
        home: The session's state.
        folder: Configuration and transcripts of its clients, closed to other users.
        program: `program.md` as it is now.
    """

    project: Path
    tag: str
    home: Path
    folder: Path
    program: Program

    @property
    def journal(self) -> Path:
        """The session's journal, which need not exist yet."""
        return self.home / "journal.jsonl"

    @property
    def inbox(self) -> Path:
        """Where messages for the session's server are left."""
        return self.home / "inbox"

    def shown(self, results: str | None) -> list[tuple[str, str]]:
        """Where a person looks afterwards; `results` is the results file once the session was opened."""
        transcripts = ("transcripts", str(self.folder))
        if results is None:
            return [transcripts]
        return [
            ("results", str(self.project / results)),
            transcripts,
            ("check", f"referee audit --verify --tag {self.tag}"),
            ("adopt", f"git merge --ff-only referee/{self.tag}"),
        ]


def place_of(project: Project, tag: str | None) -> Place:
    """The session of that tag, else the latest of the present contract, else a new one.

    Raises:
        RefereeError: If the program, the repository or the tag cannot carry it.
    """
    program = project.program()
    known = project.session(tag)
    if known is not None and known.digest != program.contract.digest():
        raise RepositoryError(
            f"session {known.tag} was opened with another contract than {PROGRAM} states now. "
            "Put the front matter back, or start a new session with another --tag."
        )
    name = known.tag if known else tag or project.free_tag(datetime.now().astimezone())
    refuse_tag(name)
    refuse_pointer(project.checkout, name)
    if known is None:
        refuse_blocked(project.git, project.checkout, name)
    home = known.home if known else project.home_for(name)
    folder = home / NIGHT
    make_private(folder)
    folder.chmod(0o700)
    return Place(project.checkout.project, name, home, folder, program)


def refuse_held(place: Place) -> None:
    """Make sure that no other client works on the session.

    Raises:
        JournalError: If a server holds it.
    """
    if pid := who_holds(place.home):
        raise JournalError(
            f"session {place.tag} is held by pid {pid}: a client works on it already. "
            "End that client first, or use another --tag."
        )


class Watchman:
    """The one night of a session; the lock is held until `release` or the end of the process, however it ends."""

    def __init__(self, place: Place) -> None:
        self._place, self._lock = place, night_lock(place.home)

    def take(self, pid: int) -> None:
        """Become it.

        Raises:
            JournalError: If there is one already.
        """
        from filelock import Timeout  # noqa: PLC0415 - only this command needs it

        try:
            self._lock.acquire(timeout=_PATIENCE)
        except Timeout:
            raise JournalError(
                f"`referee overnight` runs for session {self._place.tag} already (pid {watching(self._place)}). "
                f"`kill -INT` ends it; `referee status --tag {self._place.tag}` shows where it stands."
            ) from None
        write_whole(_noted(self._place), f"{pid}\n".encode(), 0o600)

    def release(self) -> None:
        """Let another one begin."""
        _noted(self._place).unlink(missing_ok=True)
        self._lock.release()


def watching(place: Place) -> str:
    """Pid of the night that runs, as it noted it."""
    try:
        return _noted(place).read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _noted(place: Place) -> Path:
    return place.folder / "overnight.pid"
