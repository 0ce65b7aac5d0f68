"""How a server is killed with 9: at a moment, or as soon as something of a call is seen on the disk."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.sandbox import witness

from .world import World

_PAUSE = 0.0003
_LATEST = 8.0  # where what is waited for never comes
RECORDS = ("call", "edited", "trial_started", "trial_measured", "decided", "row", "refused", "resumed")


class Strike:
    """One kill to come: as soon as `due` holds, at the latest after some seconds.

    Use as a context manager around the calls; leaving it waits until the server is dead.
    """

    def __init__(self, pid: int, due: Callable[[], bool]) -> None:
        self._pid, self._due = pid, due
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._thread.join()

    def _watch(self) -> None:
        limit = time.monotonic() + _LATEST
        with suppress(OSError):
            while not self._due() and time.monotonic() < limit:
                time.sleep(_PAUSE)
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)


def moment(rng: random.Random, longest: float) -> Callable[[], bool]:
    """Due after a random time, in seconds."""
    at = time.monotonic() + rng.uniform(0, longest)
    return lambda: time.monotonic() >= at


def record(world: World, kind: str) -> Callable[[], bool]:
    """Due as soon as another record of a kind stands in the journal."""
    wanted = f'"kind":"{kind}"'.encode()
    size = world.journal.stat().st_size if world.journal.exists() else 0

    def due() -> bool:
        path = world.journal  # of a session that is just being opened nobody knew it before
        if not path.exists() or path.stat().st_size <= size:
            return False
        with path.open("rb") as file:
            file.seek(size)
            return wanted in file.read()

    return due


def file(path: Path) -> Callable[[], bool]:
    """Due as soon as a file changes, or appears."""

    def look() -> tuple[int, int, int] | None:
        with suppress(FileNotFoundError):
            facts = path.stat()
            return facts.st_mtime_ns, facts.st_size, facts.st_ino
        return None

    before = look()
    return lambda: look() != before


def sleeper(world: World) -> Callable[[], bool]:
    """Due as soon as a process of a trial is seen."""
    return lambda: bool(witness.carrying(world.token))


def watched_files(world: World) -> list[Path]:
    """What a session writes besides its journal."""
    refs = world.repo / ".git" / "refs"
    return [
        world.repo / "results.tsv",
        world.home / "results.tsv",
        world.home / "budget.log",
        world.home / "head",
        refs / "heads" / "referee" / world.tag,
        refs / "referee" / world.tag / "draft",
        refs / "referee" / world.tag / "best",
    ]
