"""Reading a session beside whoever holds it."""

from . import journal
from .holder import held_by
from .project import Project
from .state import fold
from .view import View


def read_only(project: Project, tag: str | None) -> View:
    """What can be read now: the session of that tag, the latest of this contract, or the project alone.

    Raises:
        RefereeError: If the program is not valid or the journal is damaged.
    """
    known = project.session(tag)
    if known is None:
        return View(project, None, None)
    records = journal.load(known.home / "journal.jsonl").records
    pid = held_by(known.home)
    note = f"session {known.tag} is held by pid {pid}; this server can only read it" if pid else ""
    return View(project, fold(records), known.home, note, records[-1].hash)
