"""`referee check`: everything that can be known before the night, without opening a session."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio

from ...sandbox import gpu
from ...session import budget, judge
from ...session.contract import Program, Sandbox
from ...session.errors import RepositoryError
from ...session.integrity import Integrity, promise
from ...session.opened import Opened
from ...session.places import PROGRAM
from ...session.plan import gpus
from ...session.project import Known, Project, refuse_tag
from ...session.reading import read_only
from ...session.refs import refuse_blocked
from ...session.untrusted import fenced
from ..attack import attack
from ..attack_screen import attack_progress, render_attack
from ..check_screen import duration, render
from ..rehearsal import Rehearsal, log_end, rehearse
from ..tree_warnings import tree_warnings
from .common import add_json, add_repo, add_tag

_OWN_PROCESSES = (
    "under Landlock a trial with a GPU can mark your other processes to be killed first when memory runs out; "
    "bubblewrap would not let it"
)
_COMMITTED = "A trial sees the committed files and sandbox.inputs, nothing else. Mend it, then run referee check again."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_repo(parser)
    add_tag(parser)
    add_json(parser)
    help_text = "list every protection of the sandbox with its evidence"
    parser.add_argument("--verbose", action="store_true", help=help_text)
    help_text = "run probe cheats against your evaluator, and say which would have paid"
    parser.add_argument("--attack", action="store_true", help=help_text)


def run(given: argparse.Namespace) -> int:
    """Check, and print the screen."""
    return check(given.repo, given.tag, as_json=given.json, verbose=given.verbose, attacked=given.attack)


def check(folder: Path, tag: str | None, *, as_json: bool, verbose: bool = False, attacked: bool = False) -> int:
    """Validate program, repository and sandbox, measure the baseline, and print what was found.

    Returns 1 if the baseline cannot stand or a cheat paid, 0 otherwise.

    Raises:
        RefereeError: If it does not come to the baseline.
    """
    facts = gather(folder, tag, attacked=attacked)
    print(json.dumps(facts, indent=2) if as_json else _text(facts, verbose=verbose))  # noqa: T201 - the command line speaks here
    return 0 if facts["ok"] and not facts.get("attack", {}).get("paid") else 1


def gather(folder: Path, tag: str | None, *, attacked: bool = False) -> dict[str, Any]:
    """The facts behind the screen; `ok` says whether the baseline can stand.

    Args:
        attacked: Whether cheats are tried too, where it can.

    Raises:
        RefereeError: If program, repository or machine cannot carry a session.
    """
    project = Project(folder)
    try:
        program = project.program()
        known = project.session(tag)
        _refuse_tag(project, program, tag, known)
        new = project.free_tag(datetime.now().astimezone()) if tag is None or known else tag
        _announce(program)
        found = anyio.run(rehearse, project, program, new)
        facts = _facts(project, program, found) | _standing(project, program, known, found)
        facts |= {"warnings": _warnings(project, facts["session"], found)}
        if attacked and facts["ok"]:
            took = found.measurement["seconds"]
            facts["attack"] = anyio.run(attack, project, found.opened, took, attack_progress)
        return facts
    finally:
        project.git.close()


def _refuse_tag(project: Project, program: Program, tag: str | None, known: Known | None) -> None:
    if known and known.digest != program.contract.digest():
        raise RepositoryError(
            f"session {known.tag} was opened with another contract than {PROGRAM} states now. "
            "Put the front matter back, or choose another --tag."
        )
    if tag is not None and not known:
        refuse_tag(tag)
        refuse_blocked(project.git, project.checkout, tag)


def _announce(program: Program) -> None:
    evaluate = program.contract.evaluate
    if sys.stderr.isatty():
        limit = duration(evaluate.longest)
        print(f"measuring the baseline, at most {limit} ...", file=sys.stderr)  # noqa: T201 - likewise


def _facts(project: Project, program: Program, found: Rehearsal) -> dict[str, Any]:
    contract, opened, measured = program.contract, found.opened, found.measurement
    metrics = {name: measured["metrics"][name] for name in contract.metrics if name in measured["metrics"]}
    able = found.capabilities
    return {
        "ok": not found.reason,
        "target": opened.target,
        "metric": contract.primary,
        "goal": contract.metrics[contract.primary].goal,
        "base": opened.base,
        "baseline": {
            "metrics": metrics,
            "seconds": measured["seconds"],
            "memory_bytes": measured["peak_memory_bytes"],
            "noise": None,
            "reason": found.reason,
            "log_end": log_end(found.log) if found.reason else "",
        },
        "guards_failed": [] if found.reason else list(judge.baseline_warnings(contract, metrics)),
        "integrity": {"level": opened.integrity, "text": _promise(found)},
        "sandbox": {
            "backend": able.backend,
            "level": able.level.value,
            "minimum": contract.sandbox.minimum.value,
            "network": contract.sandbox.network,
            "protections": [asdict(item) for item in able.protections],
            "lost": list(able.lost),
        },
        "gpu": _gpu(contract.sandbox, able.backend),
        "inputs": _inputs(opened),
        "exposed": list(opened.jail.exposed) if opened.jail else [],
        "next": _next(project, found),
    }


def _promise(found: Rehearsal) -> str:
    said = promise(Integrity(found.opened.integrity), found.opened.contract.metrics)
    reason = found.measurement["lowered"]
    return f"{said}; no higher level, because {reason}" if reason else said


def _gpu(sandbox: Sandbox, backend: str) -> dict[str, Any]:
    nodes = list(gpu.nodes(gpus(sandbox)))
    weak = bool(nodes) and backend == "landlock" and os.geteuid() != 0
    return {"asked": sandbox.gpu, "nodes": nodes, "edge": _OWN_PROCESSES if weak else ""}


def _inputs(opened: Opened) -> list[str]:
    _program, *inputs = opened.pins  # the program comes first; it is pinned, not declared
    return inputs


def _next(project: Project, found: Rehearsal) -> list[str]:
    if found.reason:
        return [_COMMITTED]
    folder = shlex.quote(str(project.checkout.project))
    return [f"claude mcp add referee -- referee serve --repo {folder}", "or see a whole session first: referee demo"]


def _standing(project: Project, program: Program, known: Known | None, found: Rehearsal) -> dict[str, Any]:
    hours = program.budget.max_wall_clock_hours
    if known is None:
        trials = budget.estimate_trials(program.budget, budget.Spent(), found.measurement["seconds"])
        tonight = None if found.reason else {"trials": trials, "hours": hours}
        return {"tag": found.opened.tag, "session": None, "tonight": tonight}
    view = read_only(project, known.tag)
    standing = view.standing()
    left, best, state = standing["budget"], standing.get("best"), view.maybe_state
    session = {
        "tag": known.tag,
        "opened": known.opened,
        "base": state.opened.base if state else "",
        "rows": state.row_count if state else 0,
        "best": best["metrics"].get(program.contract.primary) if best else None,
        "experiments_left": left["experiments_left"],
        "seconds_left": left["seconds_left"],
        "continue": standing["continue"],
        "reason": left["reason"],
        "note": view.note,
    }
    hours = None if left["seconds_left"] is None else round(left["seconds_left"] / budget.HOUR, 1)
    tonight = {"trials": left["trials_left_estimate"], "hours": hours} if standing["continue"] else None
    return {"tag": known.tag, "session": session, "tonight": None if found.reason else tonight}


def _warnings(project: Project, session: Mapping[str, Any] | None, found: Rehearsal) -> list[str]:
    base = project.base(found.opened.base)
    warnings = [*found.warnings, *tree_warnings(project.git, base)]
    if session and session["base"] != base.commit:
        warnings.append(f"session {session['tag']} stands on {session['base'][:7]}; what was measured here is HEAD")
    return warnings


def _text(facts: Mapping[str, Any], *, verbose: bool) -> str:
    text = render(facts, everything=verbose)
    if "attack" in facts:
        text = f"{text}\n{render_attack(facts['attack'])}"
    return text if facts["ok"] else f"{text}\n{fenced(facts['baseline']['log_end'] or '(no output)')}"
