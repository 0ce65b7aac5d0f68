"""`referee stop`: the session is over, as if its budget were used up; `--now` ends the running trial as well.

Guarantee: journaled once, see `ask`. A trial that is ended is closed as interrupted: charged, with its row, and not
counted as a crash. `referee resume` takes the stop back. Edge: the clock of the budget goes on after a stop.
"""

import argparse
from pathlib import Path

from .ask import Asked, ask
from .common import add_repo, add_tag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("reason", nargs="?", default="", metavar="REASON", help="why, in one line, for the record")
    parser.add_argument("--now", action="store_true", help="end the running trial too; by default it ends normally")
    add_repo(parser)
    add_tag(parser)


def run(given: argparse.Namespace) -> int:
    """Stop the session."""
    return stop(given.repo, given.tag, given.reason, now=given.now)


def stop(repo: Path, tag: str | None, reason: str, *, now: bool) -> int:
    """Stop a session; return the exit code.

    Raises:
        RefusedError: If the reason is too long.
        JournalError: If the journal is damaged.
    """
    return ask(repo, tag, "stop", {"reason": reason, "now": now}, _told)


def _told(asked: Asked) -> str:
    running = asked.state.running if asked.held_by else None
    how = "is ended now" if asked.data["now"] else "ends normally"
    ends = "" if running is None else f" Trial {running}, which runs, {how}."
    return f"session {asked.tag}: stopped; `referee resume` takes it back.{ends}"
