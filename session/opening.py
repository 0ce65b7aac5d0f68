"""Opening a session: a new one from `program.md` and HEAD, or one whose last server has ended.

Guarantee: what cannot carry a session is refused before anything is written to the repository. What a killed server
left half done is finished or closed here: a torn journal line, a trial that never returned, rows, refs.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from .. import __version__
from . import checkpoint, results
from .command import named_files
from .contract import Contract, Program
from .errors import RepositoryError
from .files import make_private
from .fold import apply
from .frozen import frozen
from .holder import Holder, night_at
from .journal import Journal, Loaded
from .opened import Opened, facts_of
from .pins import Pins
from .places import PROGRAM, refuse_pointer
from .plan import hashed_environment
from .preparing import prepare
from .project import Known, Project, refuse_tag
from .refs import Refs, refuse_blocked, refuse_checked_out
from .rows import write_forgotten
from .session import Ground, Session
from .state import State
from .trials import complete_baseline, interrupt
from .watch import Watch

_OTHER_TAG = "To go on working, use another --tag."


def open_session(project: Project, tag: str | None, admit: Callable[[Contract], None] = lambda _: None) -> Session:
    """The session of that tag (or the latest of this contract), opened for writing; a new one if there is none.

    Args:
        project: Of the session.
        tag: Of the session.
        admit: Called with its contract when all is read and nothing is written; what it raises leaves everything as
            it was.

    Raises:
        RefereeError: If the project, its program or its repository cannot carry it, or another process holds it.
    """
    known = project.session(tag)
    return _resume(project, known, admit) if known else _open_new(project, tag, admit)


def _resume(project: Project, known: Known, admit: Callable[[Contract], None]) -> Session:
    _refuse_other_contract(project, known)
    refuse_pointer(project.checkout, known.tag)
    with ExitStack() as undo:
        holder = _held(undo, known.home, known.tag)
        refs = Refs(project.git, project.checkout, known.tag)
        loaded, state = _read(known, refs)
        admit(state.opened.contract)
        refuse_checked_out(project.checkout, known.tag)
        journal = _journal(undo, known.home, loaded)
        session = _assemble(project, known.home, holder, journal, state, refs)
        session.tidied_at = len(state.trials) - sum(record.kind == "trial_started" for record in loaded.records)
        _recover(session)
        undo.pop_all()
    return session


def _read(known: Known, refs: Refs) -> tuple[Loaded, State]:
    with ThreadPoolExecutor(1) as beside:
        listing = beside.submit(refs.listed)  # git reads a file for each trial: there may be very many
        loaded, state = checkpoint.load(known.home)
        if state is None or state.opened.contract.digest() != known.digest:
            raise RepositoryError(
                f"session {known.tag}: its journal has no opening record of its contract. {_OTHER_TAG}"
            )
        refs.expect(state, listing.result)
    return loaded, state


def _held(undo: ExitStack, home: Path, tag: str) -> Holder:
    holder = Holder(home, tag)
    holder.take()
    undo.callback(holder.release)
    return holder


def _journal(undo: ExitStack, home: Path, loaded: Loaded | None = None) -> Journal:
    journal = Journal(home / "journal.jsonl", loaded)
    undo.callback(journal.close)
    return journal


def _refuse_other_contract(project: Project, known: Known) -> None:
    if project.program().contract.digest() != known.digest:
        raise RepositoryError(
            f"session {known.tag} was opened with another contract than {PROGRAM} states now. "
            "Put the front matter back, or start a new session with another --tag."
        )


def _assemble(project: Project, home: Path, holder: Holder, journal: Journal, state: State, refs: Refs) -> Session:
    opened = state.opened
    base = project.base(opened.base)
    prefix = project.checkout.prefix
    snapshot = frozen(home, project, opened)
    found = snapshot.open()
    watch = Watch(project.checkout, project.git, base)
    watch.start(prefix + opened.target, named_files(opened.argv, base.by_path, prefix))
    pins = Pins(tuple(opened.pins))
    ground = Ground(snapshot, pins, watch, refs)
    session = Session(project, home, holder, journal, state, ground)
    session.stale_inputs = session.changed_inputs()
    session.report_interference([f"{said} the snapshot; it was rebuilt from git" for said in found])
    if said := results.exclude(project.checkout.common_dir, prefix + opened.results):
        session.report_interference([said])
    return session


def _recover(session: Session) -> None:
    session.record("resumed", {"pid": os.getpid(), "version": __version__}, sync=False)
    if (client := session.state.account.client) and not night_at(session.state_home):
        lost = {"event": "ended", "client": client, "accounts": True, "usd": 0.0, "message": ""}
        session.record("client", lost)  # nobody is left to say what its run cost: reports count again
    if session.state.running is not None:
        interrupt(session, session.state.running, "interrupted: the server ended while it ran")
    complete_baseline(session)
    session.follow_retained()
    write_forgotten(session)
    session.settle(look=True)


def _open_new(project: Project, given: str | None, admit: Callable[[Contract], None]) -> Session:
    program, now = project.program(), datetime.now().astimezone()
    tag = project.free_tag(now) if given is None else given
    refuse_tag(tag)
    base = project.base(project.repository.head())
    opened, warnings = prepare(project, program, base, tag)
    refuse_blocked(project.git, project.checkout, tag)
    refuse_pointer(project.checkout, tag)
    admit(program.contract)
    if given is None and tag != project.free_tag(now):  # taken meanwhile by another server without a tag
        return open_session(project, None, admit)
    home = project.home_for(tag)
    make_private(home)
    home.chmod(0o700)
    for folder in ("logs", "scratch", "inbox"):
        (home / folder).mkdir(exist_ok=True, mode=0o700)
    with ExitStack() as undo:
        holder = _held(undo, home, tag)
        session = _begin(project, program, home, holder, _journal(undo, home), opened, warnings)
        undo.pop_all()
    return session


def _begin(
    project: Project,
    program: Program,
    home: Path,
    holder: Holder,
    journal: Journal,
    opened: Opened,
    warnings: list[str],
) -> Session:
    if journal.lines:
        raise RepositoryError(f"session {opened.tag} was opened by another process just now. Call again to join it.")
    blob = project.repository.target_entry(project.base(opened.base), opened.target).oid
    pins = Pins(tuple(opened.pins)).take()
    data = facts_of(opened) | {
        "blob": blob,
        "budget": program.budget.model_dump(mode="json"),
        "policy_sha256": program.sha256,
        "pins": pins,
        "env": hashed_environment(opened),
        "warnings": warnings,
        "version": __version__,
    }
    record = journal.append("opened", data, sync=True)
    state = apply(None, record)
    if state is None:
        raise RepositoryError("the session could not be opened.")
    session = _assemble(project, home, holder, journal, state, Refs(project.git, project.checkout, opened.tag))
    session.settle()
    return session
