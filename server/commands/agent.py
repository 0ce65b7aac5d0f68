"""`referee agent`: your own client at this terminal, locked to Referee's tools.

Guarantee: nothing is written into the project; the client's configuration lies in the session's state.
Edge: the lock is the client's own; a command line of your own is not locked at all.
"""

import argparse
import os
import shlex
import sys

from ...session import prompts
from ..clients.base import Lock
from ..clients.command import Command
from ..overnight.place import Watchman
from .clients import Ready, add_client, ready
from .screen import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_client(parser)
    parser.add_argument("--print", action="store_true", dest="show", help="show the command and its files instead")


def run(given: argparse.Namespace) -> int:
    """Become the client, or show what that would be."""
    found = ready(given)
    prompt = prompts.resume() if found.place.journal.exists() else prompts.start()
    words = found.client.interactive(found.launch, prompt)
    if given.show:
        _show(found, words)
        return 0
    watchman = Watchman(found.place)  # or a night would start its own client beside this one
    watchman.take(os.getpid())
    watchman.release()
    if found.client.greeting:
        say(found.client.greeting)
        sys.stdout.flush()
    os.chdir(found.launch.repo)
    os.execve(words[0], words, os.environ | found.client.environment(found.launch))  # noqa: S606 - it takes our place
    return 0


def _show(found: Ready, words: list[str]) -> None:
    launch = found.launch
    say(f"session  {launch.tag}")
    say(f"lock     {'none: what a command line may do is its own matter' if _unlocked(found) else launch.lock}")
    say(f"folder   {launch.repo}")
    for name, value in found.client.environment(launch).items():
        say(f"env      {name}={value}")
    for name, data in found.client.files(launch).items():
        say(f"file     {launch.folder / name}")
        say(data.decode().rstrip())
    say(f"command  {shlex.join(words)}")


def _unlocked(found: Ready) -> bool:
    return isinstance(found.client, Command) or found.launch.lock is Lock.OFF
