"""Opening a session: a new one from `program.md` and HEAD, or one whose last server has ended.

Guarantee: what cannot carry a session is refused before anything is written to the repository. What a killed server
left half done is finished or closed here: a torn journal line, a trial that never returned, rows, refs.
"""

import os
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from .. import __version__
from . import caches, results
from .command import Resolved, environments, named_files, resolve
from .contract import Program
from .errors import RefusedError, RepositoryError
from .files import make_private
from .holder import Holder
from .journal import Journal
from .pins import Pins, first_socket
from .places import PROGRAM, refuse_pointer, state_root
from .plan import hashed_environment
from .project import Known, Project, refuse_tag
from .refs import Refs, refuse_blocked, refuse_checked_out
from .repository import Base
from .rows import write_forgotten
from .session import Ground, Session
from .snapshot import Snapshot
from .state import Opened, State, apply, fold
from .trials import complete_baseline, interrupt
from .watch import Watch

INTEGRITY = "self-reported"
_OTHER_TAG = "To go on working, use another --tag."


def open_session(project: Project, tag: str | None) -> Session:
    """The session of that tag (or the latest of this contract), opened for writing; a new one if there is none.

    Raises:
        RefereeError: If the project, its program or its repository cannot carry it, or another process holds it.
    """
    known = project.session(tag)
    return _resume(project, known) if known else _open_new(project, tag)


def _resume(project: Project, known: Known) -> Session:
    _refuse_other_contract(project, known)
    refuse_pointer(project.checkout, known.tag)
    with ExitStack() as undo:
        holder = _held(undo, known.home, known.tag)
        journal = _journal(undo, known.home)
        state = fold(journal.records)
        if state is None or state.opened.contract.digest() != known.digest:
            raise RepositoryError(
                f"session {known.tag}: its journal has no opening record of its contract. {_OTHER_TAG}"
            )
        refuse_checked_out(project.checkout, known.tag)
        session = _assemble(project, known.home, holder, journal, state)
        _recover(session)
        undo.pop_all()
    return session


def _held(undo: ExitStack, home: Path, tag: str) -> Holder:
    holder = Holder(home, tag)
    holder.take()
    undo.callback(holder.release)
    return holder


def _journal(undo: ExitStack, home: Path) -> Journal:
    journal = Journal(home / "journal.jsonl")
    undo.callback(journal.close)
    return journal


def _refuse_other_contract(project: Project, known: Known) -> None:
    if project.program().contract.digest() != known.digest:
        raise RepositoryError(
            f"session {known.tag} was opened with another contract than {PROGRAM} states now. "
            "Put the front matter back, or start a new session with another --tag."
        )


def _assemble(project: Project, home: Path, holder: Holder, journal: Journal, state: State) -> Session:
    opened = state.opened
    base = project.base(opened.base)
    prefix = project.checkout.prefix
    left_out = frozenset({prefix + opened.target, prefix + PROGRAM})
    snapshot = Snapshot(home / "snapshot", project.git, base, left_out, project.checkout.common_dir / "lfs" / "objects")
    found = snapshot.open()
    watch = Watch(project.checkout, project.git, base)
    watch.start(prefix + opened.target, named_files(opened.argv, base.by_path, prefix))
    pins = Pins(tuple(opened.pins))
    ground = Ground(snapshot, pins, watch, Refs(project.git, project.checkout, opened.tag))
    session = Session(project, home, holder, journal, state, ground)
    session.stale_inputs = session.changed_inputs()
    session.report_interference([f"{said} the snapshot; it was rebuilt from git" for said in found])
    if said := results.exclude(project.checkout.common_dir, prefix + opened.results):
        session.report_interference([said])
    return session


def _recover(session: Session) -> None:
    session.record("resumed", {"pid": os.getpid(), "version": __version__}, sync=False)
    session.ground.refs.expect(session.state)
    if session.state.running is not None:
        interrupt(session, session.state.running, "interrupted: the server ended while it ran")
    complete_baseline(session)
    write_forgotten(session)
    session.settle(look=True)


def _open_new(project: Project, tag: str | None) -> Session:
    program = project.program()
    tag = project.free_tag(datetime.now().astimezone()) if tag is None else tag
    refuse_tag(tag)
    base = project.base(project.repository.head())
    opened, warnings = prepare(project, program, base, tag)
    refuse_blocked(project.git, project.checkout, tag)
    refuse_pointer(project.checkout, tag)
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
    if journal.records:
        raise RepositoryError(f"session {opened.tag} was opened by another process just now. Call again to join it.")
    blob = project.repository.target_entry(project.base(opened.base), opened.target).oid
    pins = Pins(tuple(opened.pins)).take()
    data = {
        "tag": opened.tag,
        "base": opened.base,
        "tree": opened.tree,
        "target": opened.target,
        "blob": blob,
        "contract": opened.contract.model_dump(mode="json"),
        "contract_digest": opened.contract.digest(),
        "budget": program.budget.model_dump(mode="json"),
        "policy_sha256": program.sha256,
        "results": opened.results,
        "argv": list(opened.argv),
        "readable": list(opened.readable),
        "pins": pins,
        "env": hashed_environment(opened),
        "integrity": opened.integrity,
        "warnings": warnings,
        "version": __version__,
    }
    record = journal.append("opened", data, sync=True)
    state = apply(None, record)
    if state is None:
        raise RepositoryError("the session could not be opened.")
    session = _assemble(project, home, holder, journal, state)
    session.settle()
    return session


def prepare(project: Project, program: Program, base: Base, tag: str) -> tuple[Opened, list[str]]:
    """What a session with this tag would be bound to, and warnings about the checkout; nothing is written.

    Raises:
        RepositoryError: If the target, the command, an input or the checkout cannot carry a session.
    """
    contract, checkout = program.contract, project.checkout
    target = contract.target.path
    entry = project.repository.target_entry(base, target)
    project.repository.text(entry.oid, f"target {target}")
    try:
        project.repository.checkout_text(target)
    except RefusedError as fault:
        raise RepositoryError(f"target {fault}") from None
    command = resolve(contract.evaluate.command, checkout)
    warnings = _refuse_dirty(
        project, base, {checkout.prefix + target, *_named(contract.evaluate.command, command, base, checkout.prefix)}
    )
    name = results.choose_name(checkout.project, tag, (path.removeprefix(checkout.prefix) for path in base.by_path))
    if name is None:
        raise RepositoryError(
            f"results.tsv and results-{tag}.tsv both exist already. Use another --tag, or move them away."
        )
    inputs = _inputs(project, contract.sandbox.inputs)
    readable = tuple(dict.fromkeys((*command.readable, *inputs)))
    caches.refuse(contract.sandbox.cache, checkout, base, readable)
    frozen = Path(command.program).is_relative_to(checkout.root) and not any(
        Path(command.program).is_relative_to(place) for place in inputs
    )
    pins = dict.fromkeys(inputs if frozen else (command.program, *inputs), "")  # a frozen program is the snapshot's
    opened = Opened(tag, base.commit, base.tree, target, contract, name, command.argv, readable, pins, INTEGRITY)
    return opened, warnings


def _named(words: tuple[str, ...], command: Resolved, base: Base, prefix: str) -> set[str]:
    return named_files(words, base.by_path, prefix) | named_files(command.argv, base.by_path, prefix)


def _refuse_dirty(project: Project, base: Base, must_be_clean: set[str]) -> list[str]:
    dirty = Watch(project.checkout, project.git, base).dirty()
    wrong = [f"{path} {said}" for path, said in dirty.items() if path in must_be_clean]
    if wrong:
        raise RepositoryError(
            f"not as committed: {', '.join(wrong)}. "
            "What is measured is the commit: commit or put back these files first."
        )
    program = project.checkout.prefix + PROGRAM
    return [f"{path} {said}; it is measured as committed" for path, said in dirty.items() if path != program]


def _inputs(project: Project, declared: tuple[str, ...]) -> list[str]:
    paths = [Path(os.path.normpath(project.checkout.project / Path(item).expanduser())) for item in declared]
    for path in paths:
        _refuse_input(project, path)
    return [str(path) for path in (*environments(project.checkout), *paths)]


def _refuse_input(project: Project, path: Path) -> None:
    if not path.exists():
        raise RepositoryError(f"sandbox.inputs: {path} does not exist. Correct it, or remove it from {PROGRAM}.")
    real = path.resolve()
    for what, place in (
        ("the repository", project.checkout.root),
        ("its git directory", project.checkout.common_dir),
        ("Referee's state", state_root()),
        ("your home", Path.home()),
    ):
        if place.resolve().is_relative_to(real):
            raise RepositoryError(f"sandbox.inputs: {path} holds {what}. Name only what the evaluator reads.")
    if socket := first_socket(str(real)):
        raise RepositoryError(
            f"sandbox.inputs: {path} holds the socket {socket}, through which a trial could reach a process outside. "
            "Name only what the evaluator reads."
        )
