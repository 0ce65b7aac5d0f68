"""Trials that try a limit, and how it reads when one is exceeded."""

import re
from typing import Any

from referee.sandbox.gauge import BY_GROUP
from referee.sandbox.spec import Limits, Measurement

from .conftest import Lab

MB = 1_000_000
_FACTORS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}

# Whoever waits is killed at a limit; without one the trial ends at its deadline, and the test fails by its outcome.
_PRELUDE = """
import mmap, os, pathlib, signal, sys, tempfile, threading, time
MB = 1_000_000

def wait():
    while True:
        signal.pause()

def looks():
    time.sleep(0.4)  # for a few looks of the gauge; without any the test is no worse than none

def children(count, work):
    return [pid for pid in (os.fork() or (work(), os._exit(0)) for _ in range(count))]

def fill(descriptor, size):
    while size > 0:
        size -= os.write(descriptor, b"x" * min(size, MB))

def create(path, also=0):
    return os.open(path, os.O_CREAT | os.O_RDWR | also)

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
"""


def run(lab: Lab, code: str, **bounds: Any) -> Measurement:
    """Run Python that has the names above at hand, within these limits."""
    return lab.run(_PRELUDE + code, limits=Limits(wall_seconds=30, **bounds))


def exceeded(lab: Lab, done: Measurement, key: str, allowed: float, *, killed: bool = True) -> None:
    """The outcome names the key and both values, of which what was seen is the larger."""
    end = "; it was killed" if killed else ""
    pattern = rf"the trial used more [a-z ]+ than allowed: (.+) seen, {key} is (.+){end}\. "
    found = re.match(pattern + rf"To allow more, raise sandbox\.{key} in program\.md\.", done.reason)
    assert (done.outcome, done.limit, bool(found)) == ("crash", key, True), (done, lab.said())
    assert found
    assert _number(found[2]) == allowed
    assert _number(found[1]) > allowed or found[1] == f"{found[2]} {BY_GROUP}"
    assert (done.exit_code, done.signal) == ((None, "SIGKILL") if killed else (0, None))
    assert lab.leftovers() == []


def _number(text: str) -> float:
    value, unit = [*text.removeprefix("up to ").split(), ""][:2]
    return float(value) * _FACTORS.get(unit, 1)
