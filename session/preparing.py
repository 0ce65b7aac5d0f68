"""What a new session would be bound to, found out from `program.md`, HEAD and the machine; nothing is written.

Guarantee: what cannot carry a session is refused here, by the key of the program that is to be mended.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from . import caches, private, results
from .command import Resolved, environments, named_files, resolve
from .contract import Contract, Program
from .errors import RefusedError, RepositoryError
from .executed import committed_of, refuse_executed
from .exposure import exposed
from .integrity import Integrity
from .opened import Jailed, Opened, Phase
from .pins import first_socket
from .places import PROGRAM, Checkout, state_root
from .plan import refuse_unset
from .project import Project
from .repository import Base
from .source_reading import why_lower
from .watch import Watch

_Commands = tuple[Resolved, Resolved | None, Resolved | None]


def prepare(project: Project, program: Program, base: Base, tag: str) -> tuple[Opened, list[str]]:
    """What a session with this tag would be bound to, and warnings about the checkout; nothing is written.

    Raises:
        RepositoryError: If the target, the command, an input or the checkout cannot carry a session.
    """
    contract, checkout = program.contract, project.checkout
    target = contract.target.path
    _refuse_target(project, base, target)
    command, score, holdout = commands = _commands(contract, checkout, base)
    warnings = _refuse_dirty(project, base, _named(contract, commands, base, checkout.prefix))
    name = results.choose_name(checkout.project, tag, (path.removeprefix(checkout.prefix) for path in base.by_path))
    if name is None:
        raise RepositoryError(
            f"results.tsv and results-{tag}.tsv both exist already. Use another --tag, or move them away."
        )
    inputs = _inputs(project, contract.sandbox.inputs)
    hidden = private.split(contract.sandbox.private, checkout, base.by_path)
    outside = _paths(project, hidden.outside, "sandbox.private")
    readable = tuple(dict.fromkeys((*command.readable, *inputs)))
    private.refuse_seen(outside, readable)
    held_out = _held_out(project, contract, base, (*readable, *outside))
    caches.refuse(contract.sandbox.cache, checkout, base, (*readable, *outside, *held_out.outside))
    trusting = contract.reported is not Integrity.SELF_REPORTED
    trusted = dict.fromkeys((*(score.readable if score else readable), *inputs, *outside))
    pinned = dict.fromkeys((*_pinned(command, checkout, inputs), *(_pinned(score, checkout, inputs) if score else ())))
    opened = Opened(
        tag=tag,
        base=base.commit,
        tree=base.tree,
        target=target,
        contract=contract,
        results=name,
        argv=command.argv,
        readable=tuple(trusted) if score is None and trusting else readable,
        pins=dict.fromkeys((*pinned, *inputs, *outside), ""),
        integrity=contract.integrity,
        private=hidden.tracked,
        score=Phase(score.argv, tuple(trusted)) if score else None,
        jail=_jailed(project, contract, base, command) if contract.reported is Integrity.PROXIED else None,
        held_out=held_out.tracked,
        holdout=_hidden(holdout, (*inputs, *outside, *held_out.outside)),
    )
    refuse_unset(contract.evaluate.secrets)
    why_lower(project, base, contract)
    return opened, warnings


def _refuse_target(project: Project, base: Base, target: str) -> None:
    entry = project.repository.target_entry(base, target)
    project.repository.text(entry.oid, f"target {target}")
    try:
        project.repository.checkout_text(target)
    except RefusedError as fault:
        raise RepositoryError(f"target {fault}") from None


def _commands(contract: Contract, checkout: Checkout, base: Base) -> _Commands:
    """The commands of evaluator, score and holdout, none of which executes what it is to read."""
    command = resolve(contract.evaluate.command or _interpreter(checkout), checkout)
    score = None if contract.evaluate.score is None else resolve(contract.evaluate.score, checkout)
    holdout = resolve(contract.holdout.command, checkout) if contract.holdout else None
    committed = committed_of(base, checkout.project, checkout.prefix, contract.target.path)
    for key, one in zip(
        ("evaluate.command", "evaluate.score", "holdout.command"), (command, score, holdout), strict=True
    ):
        if one is not None:
            refuse_executed(contract, key, one.argv, committed)
    return command, score, holdout


def _named(contract: Contract, commands: _Commands, base: Base, prefix: str) -> set[str]:
    """The tracked files, relative to the repository, that a trial begins with: they must be as committed."""
    given = (contract.evaluate.command, contract.evaluate.score, contract.holdout and contract.holdout.command)
    words = [word for some in (*given, *(one and one.argv for one in commands)) if some for word in some]
    evaluator = {_evaluator(contract, base, prefix)} if contract.evaluate.file is not None else set[str]()
    return {prefix + contract.target.path} | evaluator | named_files(words, base.by_path, prefix)


def _interpreter(checkout: Checkout) -> tuple[str, ...]:
    """The Python of the project's environment, or the person's."""
    own = [path / "bin" / "python" for path in environments(checkout)]
    return (str(own[0]),) if own else ("python3",)


def _evaluator(contract: Contract, base: Base, prefix: str) -> str:
    file = contract.evaluate.file or ""
    entry = base.by_path.get(prefix + file)
    if entry is None or entry.type != "blob":
        raise RepositoryError(
            f"evaluate.{contract.evaluate.form}: {file} is not tracked at HEAD. Commit it, or correct {PROGRAM}."
        )
    return entry.path


def _jailed(project: Project, contract: Contract, base: Base, command: Resolved) -> Jailed:
    def text(path: str) -> str:
        return project.git.read(base.by_path[path].oid).decode("utf-8")

    files = [entry.path for entry in base.entries if entry.type == "blob"]
    seen = exposed(contract, project.checkout.prefix, files, text)
    return Jailed(seen, tuple(dict.fromkeys((*command.readable, *map(str, environments(project.checkout))))))


def _pinned(command: Resolved, checkout: Checkout, inputs: list[str]) -> list[str]:
    """The program to pin; one that is frozen itself is part of the snapshot."""
    program = Path(command.program)
    own = program.is_relative_to(checkout.root) and not any(program.is_relative_to(place) for place in inputs)
    return [] if own else [command.program]


def _held_out(project: Project, contract: Contract, base: Base, seen: Iterable[str]) -> private.Private:
    declared = contract.holdout.private if contract.holdout else ()
    found = private.split(declared, project.checkout, base.by_path, "holdout.private")
    outside = _paths(project, found.outside, "holdout.private")
    private.refuse_seen(outside, seen, "holdout.private")
    return private.Private(found.tracked, tuple(outside))


def _hidden(command: Resolved | None, seen: Iterable[str]) -> Phase | None:
    return Phase(command.argv, tuple(dict.fromkeys((*command.readable, *seen)))) if command else None


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
    return [*map(str, environments(project.checkout)), *_paths(project, declared, "sandbox.inputs")]


def _paths(project: Project, declared: tuple[str, ...], key: str) -> list[str]:
    paths = [Path(os.path.normpath(project.checkout.project / Path(item).expanduser())) for item in declared]
    for path in paths:
        _refuse_input(project, path, key)
    return [str(path) for path in paths]


def _refuse_input(project: Project, path: Path, key: str) -> None:
    if not path.exists():
        raise RepositoryError(f"{key}: {path} does not exist. Correct it, or remove it from {PROGRAM}.")
    real = path.resolve()
    for what, place in (
        ("the repository", project.checkout.root),
        ("its git directory", project.checkout.common_dir),
        ("Referee's state", state_root()),
        ("your home", Path.home()),
    ):
        if place.resolve().is_relative_to(real):
            raise RepositoryError(f"{key}: {path} holds {what}. Name only what the evaluator reads.")
    if socket := first_socket(str(real)):
        raise RepositoryError(
            f"{key}: {path} holds the socket {socket}, through which a trial could reach a process outside. "
            "Name only what the evaluator reads."
        )
