"""`referee pause`: no new trial begins until the person resumes; the running one ends normally.

Guarantee: journaled once, see `ask`. The clock of the budget stands while the session is paused and no trial runs.
Edge: what the agent does without a trial goes on: editing, reading, keep and revert.
"""

import argparse
from pathlib import Path

from .ask import Asked, ask
from .common import add_repo, add_tag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_repo(parser)
    add_tag(parser)


def run(given: argparse.Namespace) -> int:
    """Pause the session."""
    return pause(given.repo, given.tag)


def pause(repo: Path, tag: str | None) -> int:
    """Pause a session; return the exit code.

    Raises:
        JournalError: If the journal is damaged.
    """
    return ask(repo, tag, "pause", {}, _told)


def _told(asked: Asked) -> str:
    running = asked.state.running if asked.held_by else None
    ends = "" if running is None else f" Trial {running}, which runs, ends normally."
    return f"session {asked.tag}: paused; no trial begins until `referee resume`.{ends}"
