"""The session that a command is about, read beside whoever holds it."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...session import journal
from ...session.errors import JournalError
from ...session.fold import fold
from ...session.journal import Record
from ...session.project import Project
from ...session.state import State
from ...session.verify import who_holds
from ...session.view import View


@dataclass(frozen=True, slots=True)
class Seen:
    """One session as its journal has it now.

    Attributes:
        home: Its state folder.
        held_by: Pid of the server that works on it, empty if none does.
    """

    project: Project
    tag: str
    home: Path
    records: tuple[Record, ...]
    state: State
    held_by: str

    def measurement(self, number: int) -> Mapping[str, Any]:
        """All that was measured of a trial, as its record has it; empty if it was not measured."""
        nothing: Mapping[str, Any] = {}
        measured = (record.data for record in self.records if record.kind == "trial_measured")
        return next((data["measurement"] for data in measured if data["trial"] == number), nothing)

    @property
    def view(self) -> View:
        """What can be read of it."""
        return View(self.project, self.state, self.home, head=self.records[-1].hash)


@contextmanager
def project_of(repo: Path) -> Generator[Project]:
    """The project of a folder, for as long as a command needs it."""
    project = Project(repo)
    try:
        yield project
    finally:
        project.git.close()


@contextmanager
def seen(repo: Path, tag: str | None) -> Generator[Seen]:
    """The session of that tag, else the latest.

    Raises:
        RefereeError: If there is none, or its journal is damaged.
    """
    with project_of(repo) as project:
        known = project.latest(tag)
        held_by = who_holds(known.home)
        records = journal.load(known.home / "journal.jsonl").records
        state = fold(records)
        if state is None:
            raise JournalError(f"session {known.tag}: its journal has no opening record. Run `referee audit --verify`.")
        yield Seen(project, known.tag, known.home, records, state, held_by)
