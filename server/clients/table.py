"""The clients by the word of `--client`."""

from collections.abc import Sequence

from .base import Client
from .claude import Claude
from .codex import Codex
from .command import Command
from .errors import ClientError

CLIENTS: dict[str, Client] = {"claude": Claude(), "codex": Codex()}
DEFAULT = "claude"


def chosen(name: str | None, words: Sequence[str]) -> Client:
    """The client of that name, or the command line that was given in place of one.

    Raises:
        ClientError: If both were given.
    """
    if not words:
        return CLIENTS[name or DEFAULT]
    if name is not None:
        raise ClientError(
            f"--client {name} and a command line after `--`: expected one of them. "
            "Arguments for the client itself are given with --client-arg."
        )
    return Command(tuple(words))
