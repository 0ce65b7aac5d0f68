"""`referee extend`: more budget for a session, from the person alone.

Guarantee: the addition is journaled once: here, if nobody holds the session, else by the server that does, at its next
call. A limit that does not exist stays absent; the count of crashes in a row starts again.
Edge: a message left for a server that ends before its next call waits for the next one that opens the session.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from ...session import budget, journal
from ...session.budget import HOUR, Spent
from ...session.contract import Budget
from ...session.errors import JournalError
from ...session.holder import Holder
from ...session.inbox import drop
from ...session.journal import Journal, Record
from ...session.project import Known
from ...session.state import State, fold
from ...session.steering import extended, extension
from ...session.verify import who_holds
from .common import add_repo, add_tag
from .screen import say
from .sessions import project_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--experiments", type=int, metavar="N", help="trials to add")
    parser.add_argument("--hours", type=float, metavar="H", help="hours of real time to add")
    parser.add_argument("--usd", type=float, metavar="D", help="dollars to add")
    add_repo(parser)
    add_tag(parser)


def run(given: argparse.Namespace) -> int:
    """Add to the limits of the session."""
    return extend(given.repo, given.tag, given.experiments, given.hours, given.usd)


def extend(repo: Path, tag: str | None, experiments: int | None, hours: float | None, usd: float | None) -> int:
    """Add to the limits of a session, at once or through the server that holds it; return the exit code.

    Raises:
        RefusedError: If nothing is asked for, or an amount is not above 0.
        JournalError: If the journal is damaged.
    """
    with project_of(repo) as project:
        known = project.latest(tag)
        holder = Holder(known.home, known.tag)
        try:
            holder.take()
        except JournalError:
            _leave(known, experiments, hours, usd)
            return 0
        try:
            _append(known, experiments, hours, usd)
        finally:
            holder.release()
    return 0


def _leave(known: Known, experiments: int | None, hours: float | None, usd: float | None) -> None:
    state = _state(known, journal.load(known.home / "journal.jsonl").records)
    limits = extended(state.budget, experiments, hours, usd)
    asked = {"experiments": experiments, "hours": hours, "usd": usd}
    drop(known.home / "inbox", "extend", {name: value for name, value in asked.items() if value is not None})
    say(_told(known, state, limits))
    say(f"Left as a message: the server (pid {who_holds(known.home)}) takes it in at its next call.")


def _append(known: Known, experiments: int | None, hours: float | None, usd: float | None) -> None:
    writing = Journal(known.home / "journal.jsonl")
    try:
        state = _state(known, tuple(writing.records))
        limits = extended(state.budget, experiments, hours, usd)
        writing.append("extended", extension(limits), sync=True)
    finally:
        writing.close()
    say(_told(known, state, limits))


def _state(known: Known, records: tuple[Record, ...]) -> State:
    state = fold(records)
    if state is None:
        raise JournalError(f"session {known.tag}: its journal has no opening record. Run `referee audit --verify`.")
    return state


def _told(known: Known, state: State, limits: Budget) -> str:
    before, after = state.budget.model_dump(), limits.model_dump()
    changes = [f"{name} {before[name]} -> {value}" for name, value in after.items() if value != before[name]]
    lines = [f"session {known.tag}: {', '.join(changes) or 'no such limit, so nothing to add to'}"]
    spent = replace(state.spent(budget.now()), consecutive_crashes=0)
    check = budget.check(limits, spent)
    if check.exhausted:
        lines.append(f"Still used up: {check.reason}. {_missing(limits, spent)}".rstrip())
    return "\n".join(lines)


def _missing(limits: Budget, spent: Spent) -> str:
    """Real time goes on after the last trial, so a session left overnight needs more hours than it seems."""
    hours = limits.max_wall_clock_hours
    if hours is None or spent.seconds < hours * HOUR:
        return ""
    return f"Time counts from the baseline on: add more than {spent.seconds / HOUR - hours:.2f} hours."
