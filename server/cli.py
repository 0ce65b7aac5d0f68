"""The command line: one literal table of commands, one place that turns faults into exit codes.

Exit codes: 0 fine, 1 a known fault, 2 usage, 3 unexpected (the traceback is in a file that the message names), 4 budget
exhausted, 130 interrupted.
"""

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from .. import __version__
from ..sandbox.errors import RefereeError
from .faults import note_unexpected

KNOWN, USAGE, UNEXPECTED, INTERRUPTED = 1, 2, 3, 130


class Command(Protocol):
    """What a module of `commands` offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags."""
        ...

    def run(self, given: argparse.Namespace) -> int:
        """Do it and return the exit code."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A command in the table: its module below `commands`, and the line that `--help` shows."""

    module: str
    help: str


COMMANDS = {
    "init": Listed("init", "write a program.md that runs as it stands"),
    "check": Listed("check", "measure the baseline and say what is protected, without opening a session"),
    "demo": Listed("demo", "a whole small session with a scripted agent, through the real server"),
    "serve": Listed("serve", "the MCP server on standard input and output"),
    "agent": Listed("agent", "your own client at this terminal, locked to Referee's tools"),
    "overnight": Listed("overnight", "your own client, unattended, started again until the session is over"),
    "status": Listed("status", "where a session stands, and its rows; exits 4 if the budget is used up"),
    "show": Listed("show", "one trial: reasons, diff, end of the log"),
    "extend": Listed("extend", "add experiments, hours or dollars to a session"),
    "tell": Listed("tell", "say something to the agent, which gets it with its next answer"),
    "pause": Listed("pause", "let no new trial begin until you resume"),
    "resume": Listed("resume", "let a paused or stopped session go on"),
    "stop": Listed("stop", "end the session; --now ends the running trial too"),
    "clean": Listed("clean", "what sessions left on the disk that may go; asks before it removes anything"),
    "audit": Listed("audit", "every call and refusal in order; --verify checks the whole record"),
    "hook": Listed("hook", "for a client's hooks: note a call of its own tools beside the session"),
    "replay": Listed("replay", "measure kept trials again from the journal alone; exits 1 where one does not agree"),
    "holdout": Listed("holdout", "baseline and best on hidden data, for people alone: no tool shows the result"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        return _unknown(words[0])
    parser, run = _parser(words)
    given = parser.parse_args(words)
    if run is None:
        parser.print_help()
        return USAGE
    return _guarded(run, given)


def _unknown(word: str) -> int:
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(COMMANDS)}."
    print(f"referee: unknown command {word!r}. {hint}", file=sys.stderr)  # noqa: T201 - the command line speaks here
    return USAGE


def _parser(words: Sequence[str]) -> tuple[argparse.ArgumentParser, Callable[[argparse.Namespace], int] | None]:
    parser = argparse.ArgumentParser(prog="referee", description="Keeps the score of autonomous research.")
    parser.add_argument("--version", action="version", version=f"referee {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    run: Callable[[argparse.Namespace], int] | None = None
    for name, listed in COMMANDS.items():
        sub = commands.add_parser(name, help=listed.help, description=listed.help)
        if name in words[:1]:  # only the command that is asked for is imported
            module = cast("Command", import_module(f".commands.{listed.module}", __package__))
            module.add_arguments(sub)
            run = module.run
    return parser, run


def _guarded(run: Callable[[argparse.Namespace], int], given: argparse.Namespace) -> int:
    try:
        return run(given)
    except RefereeError as fault:
        print(f"referee: {fault}", file=sys.stderr)  # noqa: T201 - the command line speaks here
        return KNOWN
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return KNOWN
    except Exception as fault:  # noqa: BLE001 - the one place where what nobody foresaw becomes an exit code
        print(f"referee: {note_unexpected(fault)}", file=sys.stderr)  # noqa: T201 - likewise
        return UNEXPECTED
