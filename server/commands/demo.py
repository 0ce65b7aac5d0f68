"""`referee demo`: a whole small session with a scripted agent, through the real server."""

import argparse
import os
import shlex
from pathlib import Path

import anyio

from ...sandbox.choice import Choice
from ...sandbox.launch import Launcher
from ...sandbox.spec import Level
from .. import demo_agent, demo_folder

TAG = "demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--dir", type=Path, default=Path(".demo"), help="where to put it (default: .demo)")
    parser.add_argument("--keep", action="store_true", help="keep an earlier demo there instead of starting afresh")


def run(given: argparse.Namespace) -> int:
    """Play it."""
    return demo(given.dir, keep=given.keep)


def demo(folder: Path, *, keep: bool) -> int:
    """Play a session in a fresh repository at `folder`, and leave it there to be looked at.

    Raises:
        RefereeError: If the folder is somebody else's, or the session cannot be played.
    """
    place = Path(os.path.abspath(folder))
    found = anyio.run(_look)
    confined = bool(found.key) and found.capabilities.level is not Level.NONE
    demo_folder.make(place, confined=confined, keep=keep)
    _say(f"A scripted agent, the real server, one small repository: {folder}")
    _say(_sandbox(found, confined=confined))
    _say("")
    script = demo_agent.script_of(place, demo_folder.SCRIPT)
    anyio.run(demo_agent.play, place, demo_folder.state_of(place), TAG, script, _say)
    _report(place, folder)
    return 0


async def _look() -> Choice:
    async with Launcher() as launcher:
        return await launcher.glance()


def _sandbox(found: Choice, *, confined: bool) -> str:
    if confined:
        return f"sandbox: {found.capabilities.level.value} ({found.capabilities.backend}), tried a moment ago"
    reasons = "; ".join(found.capabilities.lost)
    return (
        "sandbox: none. This machine can confine nothing, so the demo asks for nothing (minimum: none): its trials run "
        f"as you do. {reasons}"
    )


def _report(place: Path, folder: Path) -> None:
    where = shlex.quote(str(folder))
    table = (place / "results.tsv").read_text(encoding="utf-8")
    _say("\nresults.tsv, written by Referee alone:\n")
    _say(_aligned(table))
    _say(f"\nkept commits   git -C {where} log --oneline referee/{TAG}")
    _say(f"every trial    git -C {where} for-each-ref refs/referee/{TAG}/trials")
    _say(f"adopt it       git -C {where} merge --ff-only referee/{TAG}")


def _aligned(table: str) -> str:
    rows = [line.split("\t") for line in table.splitlines()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(f"{cell:<{widths[n]}}" for n, cell in enumerate(row)).rstrip() for row in rows)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the command line speaks here, while the session runs
