"""A real stdio server that kills itself with SIGKILL at one named point; run as a script by test_kill.

The point is `NAME:before`, `NAME:after` or `running`, where NAME is a kind of journal record, `refs` (a change that
moves the branch), `trial refs` (any other) or a file. Only the first trial after the baseline counts.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from referee.__main__ import serve
from referee.sandbox.launch import Launcher
from referee.session import published
from referee.session.files import write_whole
from referee.session.git import Git
from referee.session.journal import Journal, Record

POINT = os.environ["SUICIDE_AT"]
armed = False


def die() -> None:
    """End as a power cut would end us."""
    os.kill(os.getpid(), signal.SIGKILL)


def around(name: str, act: Callable[[], Any]) -> Any:
    """Do it, dying before or after if this is the point."""
    if armed and f"{name}:before" == POINT:
        die()
    result = act()
    if armed and f"{name}:after" == POINT:
        die()
    return result


append, set_refs, measure = Journal.append, Git.set_refs, Launcher.measure


def deadly_append(self: Journal, kind: str, data: Any, *, sync: bool, lane: str = "main") -> Record:
    """Arm at the first call that is no baseline's, then die at the named record."""
    global armed  # noqa: PLW0603 - one switch for one process
    armed = armed or (kind == "call" and data["tool"] == "run_trial")
    record: Record = around(kind, lambda: append(self, kind, data, sync=sync, lane=lane))
    return record


def deadly_set_refs(self: Git, wanted: Any) -> None:
    """Die around a change of refs that moves the branch."""
    name = "refs" if any(ref.startswith("refs/heads/") for ref in wanted) else "trial refs"
    around(name, lambda: set_refs(self, wanted))


def deadly_write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Die around the writing of the results file."""
    around(path.name, lambda: write_whole(path, data, mode))


async def deadly_measure(self: Launcher, spec: Any, **others: Any) -> Any:
    """Die as soon as the trial has written its first line."""

    def wait() -> None:
        while not (Path(spec.log).is_file() and Path(spec.log).stat().st_size):
            threading.Event().wait(0.01)
        die()

    if armed and POINT == "running":
        threading.Thread(target=wait, daemon=True).start()
    return await measure(self, spec, **others)


setattr(Journal, "append", deadly_append)  # noqa: B010 - checkers would take it for a mistake
setattr(Git, "set_refs", deadly_set_refs)  # noqa: B010
setattr(published, "write_whole", deadly_write)  # noqa: B010
setattr(Launcher, "measure", deadly_measure)  # noqa: B010
sys.exit(serve())
