"""What follows from a journal, held against it: the refs of a session and its result files.

Guarantee: every ref of the session that is moved, missing or strange is named, with what it points at; the first line
of a result file that is not what the state gives is named with its number.
Edge: a killed server may leave a ref or file one step behind; that is named too, and the next server puts it right.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import RefusedError, RepositoryError
from .files import read_regular
from .findings import Check, shown
from .git import Git
from .places import checked_out_branches
from .project import Project
from .refs import branch, prefix, wanted
from .results import render, render_budget
from .state import State, Trials
from .verify_commits import parse, read

_LIMIT = 1 << 30
_TABLE, _COSTS = "results.tsv", "budget.log"


@dataclass(frozen=True, slots=True)
class Views:
    """What follows from a journal, as it was found at one moment.

    Attributes:
        refs: Every ref of the session, by full name.
        waits: Whether some worktree has the branch checked out.
        state: Result files in the state folder by name: their bytes, or why they cannot be read.
        checkout: The same of those in the checkout that exist.
    """

    refs: Mapping[str, str]
    waits: bool
    state: Mapping[str, bytes | str]
    checkout: Mapping[str, bytes | str]


def look(project: Project, tag: str, home: Path) -> Views:
    """Read everything that follows from a session's journal, quickly."""
    folder, names = project.checkout.project, (_TABLE, f"results-{tag}.tsv")
    return Views(
        refs=project.git.refs(branch(tag), prefix(tag)),
        waits=branch(tag) in checked_out_branches(project.checkout),
        state={name: _read(home, name) for name in (_TABLE, _COSTS)},
        checkout={name: _read(folder, name) for name in names if os.path.lexists(folder / name)},
    )


def _read(folder: Path, name: str) -> bytes | str:
    try:
        return read_regular(folder, name, _LIMIT)
    except RefusedError as fault:
        return str(fault)


def check_refs(views: Views, state: State | None, *, whole: bool) -> Check:
    """Compare every ref of the session with the journal.

    Args:
        state: The state, as far as the journal could be read.
        whole: Whether it could be read to its end; else only the trials' refs are compared.
    """
    check = Check("refs")
    if state is None:
        check.unchecked = "no opening record"
        return check
    tag = state.opened.tag
    target, actual = wanted(state), views.refs
    if not whole:
        check.unchecked = "best, draft, the branch and later trials: the journal cannot be read to its end"
        target = {n: oid for n, oid in target.items() if n.startswith(f"{prefix(tag)}/trials/") or n.endswith("/base")}
    names = _names(state)
    for name in sorted(target.keys() | (actual.keys() if whole else set())):
        if name != branch(tag) and actual.get(name) != target.get(name):
            check.findings.append(_said(name, actual.get(name), target.get(name), names))
    check.covers = f"{len(target)} refs"
    return check


def check_branch(git: Git, views: Views, state: State | None, *, whole: bool) -> Check:
    """Whether the branch leads over kept commits alone to the base, and stands at the best."""
    check = Check("branch", "kept commits only, from the base")
    if state is None or not whole:
        check.unchecked = "the journal cannot be read to its end"
        return check
    name = branch(state.opened.tag)
    tip, best = views.refs.get(name), wanted(state)[name]
    if tip != best and not (views.waits and tip in _kept(state)):
        check.findings.append(_said(name, tip, best, _names(state)))
    if tip:
        check.findings += _strangers(git, state, name, tip)
    if views.waits and tip != best:
        check.covers += "; it is checked out, so it waits"
    return check


def _kept(state: State) -> set[str]:
    return {trial.commit for trial in state.kept} | {state.opened.base}


def _strangers(git: Git, state: State, name: str, tip: str) -> list[str]:
    """The first commit on the way from the tip to the base that was not kept."""
    kept, names = _kept(state), _names(state)
    oid = tip
    for _ in range(len(kept) + 1):
        if oid == state.opened.base:
            return []
        if oid not in kept:
            return [f"{name} holds {oid[:7]}, which is {names.get(oid, 'no commit of this session')} and was not kept"]
        try:
            headers = parse(read(git, "commit", oid)).headers
        except RepositoryError as fault:
            return [f"{name}: {fault}"]
        oid = next((line.removeprefix("parent ") for line in headers if line.startswith("parent ")), "")
    return [f"{name} does not descend from the base commit {state.opened.base[:7]}"]


def _names(state: State) -> Mapping[str, str]:
    names = {state.opened.base: "the base commit"}
    for trial in state.trials.values():
        if trial.commit and trial.number:
            names[trial.commit] = f"trial {trial.number} ({trial.decision or 'not decided'})"
    return names


def _said(name: str, found: str | None, expected: str | None, names: Mapping[str, str]) -> str:
    if expected is None and found is not None:
        return f"{shown(name)[1:-1]} points at {found[:7]}, but the journal knows no such ref"
    should = f"{(expected or '')[:7]} ({names.get(expected or '', 'the draft')})"
    if found is None:
        return f"{name} is missing; the journal says {should}"
    return f"{name} points at {found[:7]} ({names.get(found, 'unknown to the journal')}); the journal says {should}"


def check_rows(views: Views, state: State | None, *, whole: bool) -> Check:
    """Compare `results.tsv`, the checkout's copy and `budget.log` with what the state gives."""
    check = Check("rows")
    if state is None or not whole:
        check.unchecked = "the journal cannot be read to its end"
        return check
    check.covers = f"{state.row_count} rows of results.tsv"
    table, copy = render(state), state.opened.results
    check.findings += _compared(views.state[_TABLE], table, _TABLE)
    check.findings += _compared(views.state[_COSTS], render_budget(_settled(state)), _COSTS)
    if copy not in {_TABLE, f"results-{state.opened.tag}.tsv"}:
        check.findings.append(f"journal line 1: {shown(copy)} is no name for a results file")
    elif copy in views.checkout:
        check.findings += _compared(views.checkout[copy], table, f"{copy} in the checkout")
    else:
        check.covers += f"; this checkout has no copy ({copy})"
    return check


def _settled(state: State) -> State:
    """The state without the trial that runs: files follow when it has ended."""
    trials = Trials({n: trial for n, trial in state.trials.items() if n != state.running})
    return replace(state, trials=trials, unfinished={n for n in state.unfinished if n != state.running})


def _compared(data: bytes | str, expected: bytes, called: str) -> list[str]:
    if isinstance(data, str):
        return [f"{called}: {data}"]
    if data == expected:
        return []
    found, should = _lines(data), _lines(expected)
    number = next((n for n, pair in enumerate(zip(found, should, strict=False)) if pair[0] != pair[1]), None)
    if number is None:
        more = "more" if len(found) > len(should) else "fewer"
        return [f"{called} has {more} lines than the journal gives: {len(found)} instead of {len(should)}"]
    one, other = (shown(lines[number].removesuffix("\n")) for lines in (found, should))
    if one == other:
        return [f"{called} line {number + 1} differs from what the journal gives in how it ends, or far to the right"]
    return [f"{called} line {number + 1}: found {one}, the journal gives {other}"]


def _lines(data: bytes) -> list[str]:
    """Lines with their ends, so that a missing last line feed shows too."""
    whole, feed, rest = data.decode("utf-8", "replace").rpartition("\n")
    lines = [f"{line}\n" for line in whole.split("\n")] if feed else []
    return [*lines, rest] if rest else lines
