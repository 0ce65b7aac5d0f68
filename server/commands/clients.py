"""What `agent` and `overnight` have in common: which client, for which session, how locked."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from ...session.files import write_whole
from ..clients import entry
from ..clients.base import Client, Launch, Lock
from ..clients.table import CLIENTS, DEFAULT, chosen
from ..overnight.place import Place, place_of, refuse_held
from .common import add_repo, add_tag
from .sessions import project_of


def add_client(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of a client."""
    parser.add_argument("--client", choices=tuple(CLIENTS), help=f"which client (default: {DEFAULT})")
    add_repo(parser)
    add_tag(parser)
    locks = tuple(lock.value for lock in Lock)
    lock_help = "strict: our tools alone (default); web: and its web search; off: your own permissions"
    parser.add_argument("--lock", choices=locks, default=Lock.STRICT.value, help=lock_help)
    parser.add_argument("--model", metavar="NAME", help="the model, as the client names it")
    arg_help = "one more argument for the client, may be repeated: --client-arg=--effort --client-arg=high"
    parser.add_argument("--client-arg", action="append", default=[], metavar="ARG", help=arg_help)
    parser.add_argument("words", nargs="*", metavar="-- CMD", help="any other client's command line, after `--`")


@dataclass(frozen=True, slots=True)
class Ready:
    """A client with everything that its start needs, for a session that nobody works on."""

    place: Place
    client: Client
    launch: Launch


def ready(given: argparse.Namespace) -> Ready:
    """Choose the session and the client, and write what the client reads.

    Raises:
        RefereeError: If the session cannot be worked on, or the client is not installed.
    """
    client = chosen(given.client, given.words)
    client.program()
    with project_of(given.repo) as project:
        place = place_of(project, given.tag)
    refuse_held(place)
    launch = launch_of(place, Lock(given.lock), given.model, tuple(given.client_arg))
    for name, data in client.files(launch).items():
        write_whole(place.folder / name, data, 0o600)
    return Ready(place, client, launch)


def launch_of(place: Place, lock: Lock, model: str | None, more: tuple[str, ...]) -> Launch:
    """What a client's command line is made of."""
    server = entry.server_of(place.project, place.tag, place.program.contract)
    return Launch(Path(place.project), place.tag, place.folder, server, lock, model, more=more)
