"""Going on in the background, with a session of its own and its output in a log.

Guarantee: the parent returns only once the child says that its first client runs, or why it does not.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from ...sandbox.errors import RefereeError
from ..faults import note_unexpected

_RUNNING = "running"


def detached(work: Callable[[Callable[[], None]], int], log: Path) -> tuple[int, str]:
    """Do the work in a child; return its pid, and why it could not begin ("" if it has begun).

    Args:
        work: Gets a function to call once it has really begun; returns an exit code.
        log: Gets everything that it prints, at its end.
    """
    told, teller = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(told)
        _become(work, teller, log)
    os.close(teller)
    with open(told, encoding="utf-8", errors="replace") as news:
        first = news.readline().strip()
    return child, "" if first == _RUNNING else first or f"it ended before its client ran. See {log}"


def _become(work: Callable[[Callable[[], None]], int], teller: int, log: Path) -> None:
    """Be the child; it never returns."""
    code = 3
    try:
        os.setsid()
        _redirect(log)
        code = work(lambda: _tell(teller, _RUNNING))
    except RefereeError as fault:
        code = 1
        print(f"referee: {fault}", file=sys.stderr)  # noqa: T201 - into the log
        _tell(teller, str(fault))
    except Exception as fault:  # noqa: BLE001 - this process has no caller that could turn it into an exit code
        said = note_unexpected(fault)
        print(f"referee: {said}", file=sys.stderr)  # noqa: T201 - likewise
        _tell(teller, said)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, stream in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(source, stream)


def _tell(teller: int, text: str) -> None:
    """Say it once; the parent has gone by the second time."""
    try:
        os.write(teller, " ".join(text.split()).encode() + b"\n")
    except OSError:
        return
    os.close(teller)
