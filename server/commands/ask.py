"""What a person asks of a session: journaled at once where nobody holds it, else left for the server that does.

Guarantee: a request takes effect once. What cannot stand is refused here, and nothing of it is written.
Edge: a message left for a server that ends before it has taken it in waits for the next one that opens the session.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...session import checkpoint
from ...session.errors import JournalError
from ...session.holder import Holder
from ...session.inbox import drop
from ...session.journal import Journal, Loaded
from ...session.project import Known
from ...session.state import State
from ...session.steering import effect
from ...session.verify import who_holds
from .screen import say
from .sessions import project_of


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that stands.

    Attributes:
        tag: Of the session.
        state: The session before it.
        data: What the record of it holds.
        held_by: Pid of the server that takes it in; empty where it is journaled already.
    """

    tag: str
    state: State
    data: Mapping[str, Any]
    held_by: str


def ask(repo: Path, tag: str | None, kind: str, data: Mapping[str, Any], told: Callable[[Asked], str]) -> int:
    """Ask something of the session of that tag, else the latest; say what came of it and return the exit code.

    Args:
        repo: The folder of `program.md`.
        tag: Of the session.
        kind: One of `steering.REQUESTS`.
        data: What goes with it.
        told: What the person reads of a request that stands.

    Raises:
        RefusedError: If it cannot stand.
        JournalError: If the journal is damaged.
    """
    with project_of(repo) as project:
        asked = _asked(project.latest(tag), kind, data)
    say(told(asked))
    if asked.held_by:
        say(f"Left as a message: the server (pid {asked.held_by}) takes it in within a second or two.")
    return 0


def _asked(known: Known, kind: str, data: Mapping[str, Any]) -> Asked:
    holder = Holder(known.home, known.tag)
    try:
        holder.take()
    except JournalError:
        return _left(known, kind, data)
    try:
        return _appended(known, kind, data)
    finally:
        holder.release()


def _left(known: Known, kind: str, data: Mapping[str, Any]) -> Asked:
    _, state = _state(known)
    _, shaped = effect(state, kind, data)
    drop(known.home / "inbox", kind, data)
    return Asked(known.tag, state, shaped, who_holds(known.home) or "unknown")


def _appended(known: Known, kind: str, data: Mapping[str, Any]) -> Asked:
    loaded, state = _state(known)
    writing = Journal(known.home / "journal.jsonl", loaded)
    try:
        record, shaped = effect(state, kind, data)
        writing.append(record, shaped, sync=True)
    finally:
        writing.close()
    return Asked(known.tag, state, shaped, "")


def _state(known: Known) -> tuple[Loaded, State]:
    loaded, state = checkpoint.load(known.home)
    if state is None:
        raise JournalError(f"session {known.tag}: its journal has no opening record. Run `referee audit --verify`.")
    return loaded, state
