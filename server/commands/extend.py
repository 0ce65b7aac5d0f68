"""`referee extend`: more budget for a session, from the person alone.

Guarantee: the addition is journaled once, see `ask`. A limit that does not exist stays absent; the counts of crashes in
a row and of trials without a keep start again. A goal that is reached stays reached until there is another one.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ...session import budget, ending
from ...session.budget import HOUR, Spent
from ...session.contract import Budget
from .ask import Asked, ask
from .common import add_repo, add_tag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--experiments", type=int, metavar="N", help="trials to add")
    parser.add_argument("--hours", type=float, metavar="H", help="hours of real time to add")
    parser.add_argument("--usd", type=float, metavar="D", help="dollars to add")
    parser.add_argument(
        "--goal", type=float, metavar="X", help="another value of the first metric that ends the session"
    )
    add_repo(parser)
    add_tag(parser)


def run(given: argparse.Namespace) -> int:
    """Add to the limits of the session."""
    asked = {name: getattr(given, name) for name in ("experiments", "hours", "usd", "goal")}
    return extend(given.repo, given.tag, {name: amount for name, amount in asked.items() if amount is not None})


def extend(repo: Path, tag: str | None, amounts: Mapping[str, float]) -> int:
    """Add to the limits of a session, at once or through the server that holds it; return the exit code.

    Args:
        repo: The folder of `program.md`.
        tag: Of the session, else the latest.
        amounts: `experiments`, `hours` and `usd` to add, and the new `goal`; what is missing stays.

    Raises:
        RefusedError: If nothing is asked for, or an amount is not above 0.
        JournalError: If the journal is damaged.
    """
    return ask(repo, tag, "extend", amounts, _told)


def _told(asked: Asked) -> str:
    state, limits = asked.state, Budget.model_validate(asked.data["budget"], strict=False)
    before, after = state.budget.model_dump(), limits.model_dump()
    changes = [f"{name} {before[name]} -> {value}" for name, value in after.items() if value != before[name]]
    changes += [f"trials without a keep {state.without_keep} -> 0"] if ending.plateau(state) else []
    lines = [f"session {asked.tag}: {', '.join(changes) or 'no such limit, so nothing to add to'}"]
    then = replace(state, budget=limits, consecutive_crashes=0, without_keep=0)
    at = budget.now()
    check = ending.check(then, at)
    if check.exhausted:
        used_up = budget.check(limits, then.spent(at)).exhausted
        way = _missing(limits, then.spent(at)) if used_up else f"{check.remedy.capitalize()}."
        lines.append(f"Still {'used up' if used_up else 'over'}: {check.reason}. {way}".rstrip())
    return "\n".join(lines)


def _missing(limits: Budget, spent: Spent) -> str:
    """Real time goes on after the last trial, so a session left overnight needs more hours than it seems."""
    hours = limits.max_wall_clock_hours
    if hours is None or spent.seconds < hours * HOUR:
        return ""
    return f"Time counts from the baseline on: add more than {spent.seconds / HOUR - hours:.2f} hours."
