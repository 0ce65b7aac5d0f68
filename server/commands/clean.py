"""`referee clean`: what sessions left on the disk that may go; shown first, removed only when that is confirmed.

Guarantee: without a yes nothing is removed; a session that a server holds is left alone; logs are journaled as removed
before they go. A journal goes with `--lost` alone, and only where its repository is gone.
"""

import argparse
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...session import checkpoint
from ...session.errors import JournalError
from ...session.holder import Holder
from ...session.logs import Rotation
from ...session.project import Known
from .. import leftovers
from ..leftovers import Leftover
from .common import add_json, add_repo
from .screen import say, say_json, table, width
from .sessions import project_of

_DAYS = 30.0
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True, slots=True)
class Own:
    """What would go of one session."""

    known: Known
    leftovers: list[Leftover]
    logs: Rotation | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would go: of each session, of all together; and the sessions that are held and therefore left alone."""

    sessions: list[Own]
    shared: list[Leftover]
    held: list[str]

    @property
    def leftovers(self) -> list[Leftover]:
        """Everything but logs."""
        return [one for own in self.sessions for one in own.leftovers] + self.shared

    @property
    def logs(self) -> list[tuple[Known, Rotation]]:
        """Old logs, by session."""
        return [(own.known, own.logs) for own in self.sessions if own.logs]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    parser.add_argument("--older-than", type=float, default=_DAYS, metavar="DAYS", help="age of logs (default: 30)")
    parser.add_argument("--lost", action="store_true", help="also the whole state of repositories that are gone")
    add_repo(parser)
    add_json(parser)


def run(given: argparse.Namespace) -> int:
    """Show what may go, and remove it after a yes."""
    return clean(given.repo, days=given.older_than, lost=given.lost, yes=given.yes, as_json=given.json)


def clean(repo: Path, *, days: float, lost: bool, yes: bool, as_json: bool) -> int:
    """Show what may go, and remove it after a yes; return the exit code.

    Raises:
        RefereeError: If there is no repository here, or a journal is damaged.
    """
    with project_of(repo) as project:
        sessions = project.sessions()
    gone = list(leftovers.lost())
    plan = _planned(sessions, [*leftovers.of_all(days), *(gone if lost else [])], days)
    sure = yes or (not as_json and _something(plan) and _asked(plan, gone))
    if sure:
        _remove(plan)
    if as_json:
        say_json(_facts(plan, removed=sure))
    elif sure or not _something(plan):
        done = f"Removed {_size(_bytes(plan))}." if _something(plan) else "Nothing to remove."
        say("\n".join(filter(None, [done, _kept([] if lost else gone, plan.held)])))
    return 0


def _planned(sessions: list[Known], shared: list[Leftover], days: float) -> Plan:
    plan = Plan([], shared, [])
    for known in sessions:
        try:
            with Holder(known.home, known.tag):
                own = _own(known, days)
        except JournalError as fault:
            plan.held.append(f"session {known.tag}: {fault}")
        else:
            plan.sessions.append(own)
    return plan


def _own(known: Known, days: float) -> Own:
    _, state = checkpoint.load(known.home)
    if state is None:
        return Own(known, [], None)
    return Own(known, list(leftovers.of_session(known, state)), leftovers.old_logs(known, state, days))


def _something(plan: Plan) -> bool:
    return bool(plan.leftovers or plan.logs)


def _bytes(plan: Plan) -> int:
    return sum(one.bytes for one in plan.leftovers) + sum(rotation.bytes for _, rotation in plan.logs)


def _asked(plan: Plan, gone: list[Leftover]) -> bool:
    say("\n".join(_lines(plan)))
    say(_kept(gone, plan.held))
    if not sys.stdin.isatty():
        say("Nothing was removed. To remove it: referee clean --yes")
        return False
    with suppress(EOFError):
        if input("Remove it? [y/N] ").strip().lower() in {"y", "yes"}:
            return True
    say("Nothing was removed.")
    return False


def _lines(plan: Plan) -> list[str]:
    rows = [["what", "size", "what it costs"]]
    rows += [[one.what, _size(one.bytes), one.cost] for one in plan.leftovers]
    rows += [
        [f"{known.tag}: {len(rotation.files)} old logs", _size(rotation.bytes), "logs of trials that were not kept"]
        for known, rotation in plan.logs
    ]
    return [*table(rows, width()), "", f"together {_size(_bytes(plan))}"]


def _kept(gone: list[Leftover], held: list[str]) -> str:
    lines = [f"left alone: {said}" for said in held]
    lines += [f"left alone: {one.what}, {_size(one.bytes)}: {one.cost} (--lost)" for one in gone]
    return "\n".join(lines)


def _remove(plan: Plan) -> None:
    for own in plan.sessions:
        with Holder(own.known.home, own.known.tag):
            if own.logs:
                leftovers.rotate(own.known, own.logs)
            _remove_all(own.leftovers)
    _remove_all(plan.shared)


def _remove_all(going: list[Leftover]) -> None:
    for one in going:
        try:
            leftovers.remove(one)
        except OSError as fault:
            say(f"{one.place} cannot be removed ({fault.strerror})")


def _facts(plan: Plan, *, removed: bool) -> dict[str, Any]:
    return {
        "removed": removed,
        "bytes": _bytes(plan),
        "leftovers": [
            {"what": one.what, "place": str(one.place), "bytes": one.bytes, "cost": one.cost} for one in plan.leftovers
        ],
        "logs": [{"tag": known.tag, **rotation.facts} for known, rotation in plan.logs],
        "held": plan.held,
    }


def _size(count: int) -> str:
    unit = next(((size, name) for size, name in _UNITS if count >= size), (1.0, "bytes"))
    return f"{count / unit[0]:.1f} {unit[1]}" if unit[0] > 1 else f"{count} bytes"
