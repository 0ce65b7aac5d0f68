"""`referee overnight`: your own client, unattended, started again until the session is over.

Exit codes: 0 if it ended by the session's budget, goal or stop, or by the stop file; 1 if it gave up; 130 by a signal.
After a fault that nobody foresaw (3) the summary and `--on-end` come all the same.
"""

import argparse
import math
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from ...session.errors import RefusedError
from ..clients.command import Command
from ..overnight.detach import detached
from ..overnight.hooks import words_of
from ..overnight.night import Night
from ..overnight.pace import Pace
from ..overnight.place import Place, Watchman
from ..overnight.plan import Plan
from ..overnight.screen import Screen
from ..overnight.signals import listening
from .clients import Ready, add_client, ready
from .common import add_json
from .screen import say, say_json

_STOP = Path("STOP")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_client(parser)
    fresh = "a fresh context after every N trials"
    parser.add_argument("--fresh-every", type=int, metavar="N", help=fresh)
    idle = "end a client that does nothing for so long (default: 30)"
    parser.add_argument("--idle-minutes", type=float, default=30.0, metavar="M", help=idle)
    stop = "end when this file appears (default: STOP in the project folder)"
    parser.add_argument("--stop-file", type=Path, metavar="FILE", help=stop)
    parser.add_argument("--on-trial", metavar="CMD", help="run this after every trial, with JSON on standard input")
    parser.add_argument("--on-end", metavar="CMD", help="run this at the end, with JSON on standard input")
    parser.add_argument("--detach", action="store_true", help="go on in the background, and say how to follow and stop")
    add_json(parser)


def run(given: argparse.Namespace) -> int:
    """Stay until the session is over."""
    return overnight(given, Pace())


def overnight(given: argparse.Namespace, pace: Pace) -> int:
    """The same with another patience.

    Raises:
        RefereeError: If the night cannot begin.
    """
    _refuse_odd(given)
    found = ready(given)
    plan = _plan(given, found)
    if plan.stop_file.exists():
        raise RefusedError(f"{plan.stop_file} is there already, so the night would end at once. Remove it first.")

    def stay(running: Callable[[], None]) -> int:
        screen = Screen(as_json=given.json)
        if isinstance(found.client, Command) and given.lock != "off":
            screen.event("this command line is not locked: what it may do besides our tools is its own matter")
        return _stay(found.place, plan, screen, pace, running)

    if not given.detach:
        return stay(lambda: None)
    log = found.place.folder / "overnight.log"
    pid, fault = detached(stay, log)
    if fault:
        raise RefusedError(fault)
    _tell(found.place, plan, pid, log, as_json=given.json)
    return 0


def _stay(place: Place, plan: Plan, screen: Screen, pace: Pace, running: Callable[[], None]) -> int:
    watchman = Watchman(place)
    watchman.take(os.getpid())
    try:
        with listening() as signals:
            return Night(place, plan, screen, signals, pace, running).go().code
    finally:
        watchman.release()


def _refuse_odd(given: argparse.Namespace) -> None:
    if given.fresh_every is not None and given.fresh_every < 1:
        raise RefusedError(f"--fresh-every: found {given.fresh_every}, expected 1 or more trials.")
    if not 0 < given.idle_minutes < math.inf:
        raise RefusedError(f"--idle-minutes: found {given.idle_minutes:g}, expected more than 0 minutes.")


def _plan(given: argparse.Namespace, found: Ready) -> Plan:
    return Plan(
        client=found.client,
        launch=found.launch,
        stop_file=Path(os.path.abspath(given.stop_file or found.place.project / _STOP)),
        fresh_every=given.fresh_every,
        idle=given.idle_minutes * 60,
        on_trial=words_of("--on-trial", given.on_trial),
        on_end=words_of("--on-end", given.on_end),
    )


def _tell(place: Place, plan: Plan, pid: int, log: Path, *, as_json: bool) -> None:
    if as_json:
        say_json({"pid": pid, "tag": place.tag, "log": str(log), "stop_file": str(plan.stop_file)})
        return
    say(f"session {place.tag}: `referee overnight` goes on in the background, pid {pid}.")
    say(f"follow   tail -f {shlex.quote(str(log))}")
    say(f"         referee status --tag {place.tag}")
    say(f"end      touch {shlex.quote(str(plan.stop_file))}    after the running trial")
    say(f"         kill -INT {pid}    at once")
    say(f"         referee stop --tag {place.tag}    the session too")
