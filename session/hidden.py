"""The hidden score: what a session is bound to with its holdout in place of what reports, and where results are kept.

Guarantee: a result lies in a file that only its owner reads, in a folder that no tool and no trial reaches; the journal
may hold the fact and the file's SHA-256, never a number.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .contract import Contract, Metric
from .errors import RefusedError
from .files import make_private
from .later import Holdout
from .numbers import exact
from .opened import Opened
from .state import State

FOLDER = "holdout"


@dataclass(frozen=True, slots=True)
class Gap:
    """One metric of one trial: what the journal says, what the hidden data say, and hidden minus public.

    The last two are None where the hidden command gave no number.
    """

    public: float
    hidden: float | None
    gap: float | None


def of_session(state: State) -> Opened:
    """What the session is bound to, with the hidden phase in place of the one that reports.

    Raises:
        RefusedError: If the contract has none, or nothing is measured yet.
    """
    opened = state.opened
    holdout = opened.contract.holdout
    if holdout is None or opened.holdout is None:
        raise RefusedError(
            f"session {opened.tag} has no hidden score: its contract lacks the key holdout. Add "
            "holdout: {command: ..., private: [...]} to program.md, and start a new session with another --tag."
        )
    if state.baseline is None:
        raise RefusedError(f"session {opened.tag} has no baseline to compare with yet. The first run_eval measures it.")
    private = (*opened.private, *opened.held_out)
    contract = _judged_by(opened.contract, holdout)
    if opened.score is not None:
        return replace(opened, contract=contract, private=private, held_out=(), score=opened.holdout)
    argv, readable = opened.holdout.argv, opened.holdout.readable
    return replace(opened, contract=contract, argv=argv, readable=readable, private=private, held_out=())


def _judged_by(contract: Contract, holdout: Holdout) -> Contract:
    """The contract with the hidden command as evaluator of a target that is data; nothing is retained."""
    evaluate: dict[str, Any] = {"retain": None}
    if contract.evaluate.score is None:
        evaluate |= {"command": holdout.command, "function": None, "call": None, "problem": None, "expose": ()}
    return contract.model_copy(update={"evaluate": contract.evaluate.model_copy(update=evaluate)})


def gaps(contract: Contract, public: Mapping[str, float], hidden: Mapping[str, float]) -> dict[str, Gap]:
    """The contract's metrics of one trial, by name."""
    return {name: _gap(public[name], hidden.get(name)) for name in contract.metrics if name in public}


def _gap(public: float, hidden: float | None) -> Gap:
    return Gap(public, hidden, difference(public, hidden))


def difference(start: float | None, end: float | None) -> float | None:
    """From one number to another as their decimals say; None where one is missing or it is out of range."""
    if start is None or end is None:
        return None
    try:
        return float(exact(end) - exact(start))
    except OverflowError:
        return None


def is_worse(metric: Metric, gap: float) -> bool:
    """Whether the hidden number is worse than the public one."""
    return gap < 0 if metric.goal == "maximize" else gap > 0


def store(home: Path, result: Mapping[str, Any]) -> tuple[Path, str]:
    """Keep a result under the next number, and return its path and SHA-256 (hex).

    Raises:
        OSError: If it cannot be written.
    """
    folder = home / FOLDER
    make_private(folder)
    taken = [int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal()]
    path = folder / f"{max(taken, default=0) + 1}.json"
    data = json.dumps(result, indent=2, allow_nan=False).encode("ascii") + b"\n"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path, hashlib.sha256(data).hexdigest()
