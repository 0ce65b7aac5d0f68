"""The last line of a trial's output while it runs, for whoever waits for it.

Guarantee: nothing is shown that the log itself would not show the agent. Secrets are replaced when a phase is over, so
with secrets nothing is shown before. Edge: the supervisor writes the first half of a log while the trial runs and the
rest at its end; once the first half is full no line is shown, rather than an old one.
"""

import os
import time
from pathlib import Path

from ..sandbox.spec import Limits
from .contract import Contract
from .plan import log_path, score_log_path
from .untrusted import printable

_READ_BYTES = 8192
_LINE_CHARS = 120
_SLACK_SECONDS = 2.0  # files are stamped with a coarser clock than ours


def last_line(contract: Contract, home: Path, number: int, seconds: float) -> str:
    """The last whole line that begins with the name of a metric, else the last that is not empty.

    Args:
        contract: What the session is bound to.
        home: The session's state folder.
        number: Of the trial that runs.
        seconds: For how long it has been running; older logs of the same number are those of an earlier attempt.

    Returns:
        At most 120 characters; empty if there is no line, or none may be shown.
    """
    if contract.log_shown != "tail" or contract.evaluate.secrets:
        return ""
    paths = [path(home, number, run) for run in range(contract.evaluate.repeats) for path in (log_path, score_log_path)]
    latest = max(paths, key=_written, default=None)
    if latest is None or _written(latest) < time.time() - seconds - _SLACK_SECONDS:
        return ""
    lines = _whole_lines(latest)
    reported = [line for line in lines if line.partition(":")[0].strip() in contract.metrics]
    return (reported or lines or [""])[-1][:_LINE_CHARS]


def _written(path: Path) -> float:
    try:
        return path.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0


def _whole_lines(path: Path) -> list[str]:
    """The lines at the end of a log that are complete, cleaned; those that a progress bar overwrites count as lines."""
    try:
        end, size = _end(path)
    except OSError:
        return []
    if size >= Limits(wall_seconds=1).log_bytes // 2:
        return []
    pieces = end.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    first = 0 if size <= _READ_BYTES else 1  # cut at its beginning
    cleaned = [" ".join(printable(piece).split()) for piece in pieces[first:-1]]
    return [line for line in cleaned if line]


def _end(path: Path) -> tuple[bytes, int]:
    """The end of a file, and its size."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, _READ_BYTES, max(0, size - _READ_BYTES)), size
    finally:
        os.close(descriptor)
