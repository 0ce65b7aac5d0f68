"""`referee tell "TEXT"`: a line from the person to the agent, which gets it with its next answer.

Guarantee: the line is journaled once, see `ask`, and told once; what was never told is told by the next server.
"""

import argparse
from pathlib import Path

from .ask import Asked, ask
from .common import add_repo, add_tag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("text", metavar="TEXT", help="what the agent should know, at most 2,000 characters")
    add_repo(parser)
    add_tag(parser)


def run(given: argparse.Namespace) -> int:
    """Tell it."""
    return tell(given.repo, given.tag, given.text)


def tell(repo: Path, tag: str | None, text: str) -> int:
    """Tell the agent of a session something; return the exit code.

    Raises:
        RefusedError: If the text is empty or too long.
        JournalError: If the journal is damaged.
    """
    return ask(repo, tag, "tell", {"text": text}, _told)


def _told(asked: Asked) -> str:
    return f"session {asked.tag}: the agent gets this with its next answer: {asked.data['text']}"
