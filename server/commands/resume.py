"""`referee resume`: a session that was paused or stopped goes on.

Guarantee: journaled once, see `ask`. Edge: a budget that is used up stays so; `referee extend` adds to it.
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
    """Let the session go on."""
    return resume(given.repo, given.tag)


def resume(repo: Path, tag: str | None) -> int:
    """Let a session go on; return the exit code.

    Raises:
        JournalError: If the journal is damaged.
    """
    return ask(repo, tag, "resume", {}, _told)


def _told(asked: Asked) -> str:
    was = "stopped" if asked.state.stopped else "paused"
    if not (asked.state.stopped or asked.state.paused or asked.held_by):
        return f"session {asked.tag}: it was neither paused nor stopped."
    return f"session {asked.tag}: no longer {was}."
