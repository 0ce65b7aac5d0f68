"""What a worker of a soak does, in a process of its own: one session, or one fault, on ground of its own."""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from . import faults
from .findings import Tally
from .night import Night
from .player import seeded
from .world import World

Tallies = dict[str, Tally]


def night(seed: str, kills: int, until: float) -> Tallies:
    """Play one session on ground of its own; what was found wrong stays there to be looked at."""
    ground = _ground()
    one = Night(World(ground, f"{os.getpid()}77").make(), seeded(seed))
    one.play(kills, until)
    found = any(tally.findings for tally in one.tallies.values())
    if found:
        sys.stdout.write(f"session {seed} left in {ground}\n")
    else:
        shutil.rmtree(ground)
    return one.tallies


def fault(name: str, seed: int, until: float) -> Tally | str:
    """Put a session through one fault of the table, or return why that was not done."""
    if reason := faults.missing(name) or ("the time was up" if time.monotonic() > until else ""):
        return reason
    ground = _ground()
    try:
        return faults.tried(name, ground, seed)
    finally:
        shutil.rmtree(ground, ignore_errors=True)


def _ground() -> Path:
    ground = Path(tempfile.mkdtemp(prefix="referee-soak-"))
    os.environ |= {"REFEREE_STATE_DIR": str(ground / "state"), "HOME": str(ground)}
    return ground
