"""`referee holdout`: baseline and best on the hidden data of the contract, for people alone.

Guarantee: no tool reaches this command or its result, which is kept in a file of the session's state; the journal gets
no number. It works without a server and beside one.
"""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio

from ...sandbox.spec import Level
from ...session.contract import Contract
from ...session.errors import JournalError
from ...session.hidden import difference, gaps, is_worse, of_session, store
from ...session.holder import Holder
from ...session.journal import Journal
from ...session.numbers import show
from ...session.plan import refuse_unset
from ..hidden_score import Hidden, Measured, measure
from .common import add_json, add_repo, add_tag
from .screen import say, say_json, table, width
from .sessions import Seen, seen

FAILED = 1
KIND = "holdout"
"""Of the journal's record that a hidden score was taken: the name of the file and its SHA-256."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_repo(parser)
    add_tag(parser)
    add_json(parser)


def run(given: argparse.Namespace) -> int:
    """Measure on the hidden data, and print what was found."""
    return holdout(given.repo, given.tag, as_json=given.json)


def holdout(repo: Path, tag: str | None, *, as_json: bool) -> int:
    """Print the hidden numbers beside the public ones, and keep them; 1 if one of the trials gave none.

    Raises:
        RefereeError: If the contract has no holdout, nothing is measured yet, or it cannot be measured here.
    """
    with seen(repo, tag) as session:
        of_session(session.state)
        refuse_unset(session.state.opened.contract.evaluate.secrets)
        found = anyio.run(measure, session.project, session.state)
        result = _result(session, found)
        path, sha256 = store(session.home, result)
        noted = _note(session, path, sha256)
        if as_json:
            say_json(result | {"file": str(path), "journaled": noted})
        else:
            say("\n".join([*_lines(session, found, result), *_kept(path, noted=noted)]))
    return 0 if all(one.measurement["outcome"] == "ok" for one in found.trials) else FAILED


def _result(session: Seen, found: Hidden) -> dict[str, Any]:
    """What is kept and printed."""
    state = session.state
    contract = state.opened.contract
    phase = state.opened.holdout
    return {
        "tag": session.tag,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "journal": session.records[-1].hash,
        "base": state.opened.base,
        "command": list(phase.argv) if phase else [],
        "data": dict(found.data),
        "differs": list(found.differs),
        "goals": {name: metric.goal for name, metric in contract.metrics.items()},
        "baseline": _trial(contract, found.trials[0]),
        "best": _trial(contract, found.trials[-1]),
    }


def _trial(contract: Contract, one: Measured) -> dict[str, Any]:
    measured = one.measurement
    found = gaps(contract, one.trial.metrics, measured["metrics"])
    return {
        "trial": one.trial.number,
        "commit": one.trial.commit,
        "outcome": measured["outcome"],
        "reason": measured["reason"],
        "seconds": round(measured["seconds"], 3),
        "metrics": {name: asdict(gap) for name, gap in found.items()},
    }


def _note(session: Seen, path: Path, sha256: str) -> bool:
    """Journal the fact, unless somebody holds the session."""
    holder = Holder(session.home, session.tag)
    try:
        holder.take()
    except JournalError:
        return False
    try:
        journal = Journal(session.home / "journal.jsonl")
        try:
            journal.append(KIND, {"file": path.name, "sha256": sha256}, sync=True)
        finally:
            journal.close()
    finally:
        holder.release()
    return True


def _lines(session: Seen, found: Hidden, result: Mapping[str, Any]) -> list[str]:
    contract = session.state.opened.contract
    rows = [["metric", "trial", "public", "hidden", "gap", ""]]
    for name, metric in contract.metrics.items():
        shown = [(word, result[word]) for word in ("baseline", "best")[: len(found.trials)]]
        for word, trial in shown:
            if gap := trial["metrics"].get(name):
                said = "worse" if gap["gap"] and is_worse(metric, gap["gap"]) else ""
                told = [_number(gap["public"]), _number(gap["hidden"]), _signed(gap["gap"])]
                rows.append([name, f"{word} ({trial['trial']})", *told, said])
        if len(shown) > 1:
            gains = [_gain(name, result, kind) for kind in ("public", "hidden")]
            rows.append([name, "gain", *map(_signed, gains), "", ""])
    alone = len(found.trials) == 1
    return [
        f"session {session.tag}, on hidden data: {' '.join(result['command'])}",
        *(f"note: {said}" for said in [*found.differs, *_open(contract)]),
        *table(rows, width()),
        *(["No trial was kept, so the best is the baseline."] if alone else []),
        *(line for one in found.trials for line in _failure(one)),
    ]


def _open(contract: Contract) -> list[str]:
    """What is not hidden where nothing confines a trial."""
    said = "sandbox.minimum is none, so where nothing confines a trial it can read the hidden data and this result"
    return [said] if contract.sandbox.minimum is Level.NONE else []


def _gain(name: str, result: Mapping[str, Any], kind: str) -> float | None:
    """From baseline to best."""
    ends = [result[word]["metrics"].get(name, {}).get(kind) for word in ("baseline", "best")]
    return difference(*ends)


def _failure(one: Measured) -> list[str]:
    if one.measurement["outcome"] == "ok":
        return []
    said = f"Trial {one.trial.number} gave no hidden number: {one.measurement['reason']}"
    return [said, "End of the log (untrusted output of the evaluated code):", *(f"  | {line}" for line in one.log)]


def _kept(path: Path, *, noted: bool) -> list[str]:
    mentioned = "the journal holds its SHA-256" if noted else "a server holds the session, so the journal is silent"
    return [f"Kept in {path}, which no tool shows; {mentioned}. Do not tell the agent."]


def _number(value: float | None) -> str:
    return "none" if value is None else show(value)


def _signed(value: float | None) -> str:
    return "" if value is None else f"{'+' if value > 0 else ''}{show(value)}"
