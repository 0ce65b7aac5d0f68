"""Reading a session beside whoever holds it."""

from . import checkpoint
from .holder import held_by
from .project import Project
from .view import View


def read_only(project: Project, tag: str | None) -> View:
    """What can be read now: the session of that tag, the latest of this contract, or the project alone.

    Raises:
        RefereeError: If the program is not valid or the journal is damaged.
    """
    known = project.session(tag)
    if known is None:
        return View(project, None, None)
    loaded, state = checkpoint.load(known.home)
    pid = held_by(known.home)
    note = f"session {known.tag} is held by pid {pid}; this server can only read it" if pid else ""
    return View(project, state, known.home, note, loaded.head)
