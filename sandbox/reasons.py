"""Why a trial failed, in words that name a limit, what was seen, what was allowed, and the key to change."""

import os
import re

from . import figures
from .spec import Breach, Limits

_NOUNS = {
    "memory": "memory",
    "cpu": "processor time",
    "processes": "processes",
    "open_files": "files at one time",
    "disk": "disk space",
    "files": "files on disk",
}
_TAIL = 2000
_LINES = 5

# What programs say at the end when the kernel refused them more, and the limit that is likely behind it.
_COMPLAINTS = {
    "Too many open files": "open_files",
    "Resource temporarily unavailable": "processes",
    "can't start new thread": "processes",
    "MemoryError": "memory",
    "Cannot allocate memory": "memory",
    "Unable to allocate": "memory",
    "std::bad_alloc": "memory",
    "No space left on device": "disk",
    "File too large": "disk",
}


def exceeded(breach: Breach, *, killed: bool) -> str:
    """Return the reason of a trial that went beyond a limit."""
    end = "; it was killed" if killed else ""
    return (
        f"the trial used more {_NOUNS[breach.key]} than allowed: {breach.seen} seen, "
        f"{breach.key} is {breach.allowed}{end}. To allow more, raise sandbox.{breach.key} in program.md."
    )


def too_much_output(limits: Limits, seen: int) -> str:
    """Return the reason of a trial that wrote more than is read."""
    return (
        f"the trial wrote more output than allowed: {seen} bytes seen, "
        f"output_bytes is {limits.output_bytes}; it was killed"
    )


def out_of_time(limits: Limits) -> str:
    """Return the reason of a trial that was still running at its deadline."""
    return (
        f"the trial was killed at its time limit of {limits.wall_seconds:g} s, "
        "which is evaluate.timeout in program.md or what was left of the budget"
    )


def failed(limits: Limits, code: int, log: str) -> str:
    """Return the reason of a command that failed; where its output ends as if a limit was hit, that is said."""
    return f"the command ended with exit code {code}{_hint(limits, _end(log))}"


def _hint(limits: Limits, end: str) -> str:
    for complaint, key in _COMPLAINTS.items():
        # A word of its own: a GPU's OutOfMemoryError is another matter.
        if re.search(rf"(?<![A-Za-z]){complaint}", end):
            return f'; its output ends with "{complaint}": sandbox.{key} in program.md is {_value(limits, key)}'
    return ""


def _end(log: str) -> str:
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join([line for line in lines if line.strip()][-_LINES:])


def _value(limits: Limits, key: str) -> str:
    if key == "disk":
        return figures.sizes(0, limits.disk_bytes)[1]
    if key == "memory":
        return f"{limits.memory:.0%}" if isinstance(limits.memory, float) else figures.sizes(0, limits.memory)[1]
    return str(limits.open_files if key == "open_files" else limits.processes)
