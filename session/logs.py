"""The logs of a session's trials, bounded: the oldest of what was not kept make room for new ones.

Guarantee: what is to be removed is journaled first, as a record `rotated` with the trials, files and bytes that it is
about. The logs of the baseline, of kept trials and of the last ones stay, whatever they take.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .state import Decision, State

KIND = "rotated"
MOST_BYTES = 1_000_000_000
"""What the logs of one session may take together, those of the last trials not counted."""

_LAST = 200
_NAME = re.compile(r"(\d+)(?:-\d+)?(?:\.score)?\.log")


@dataclass(frozen=True, slots=True)
class Rotation:
    """Logs that may go: every one of trials below `before` that were not kept; their files, and bytes together."""

    before: int
    files: tuple[Path, ...]
    bytes: int

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the record says of it."""
        return {"before": self.before, "files": len(self.files), "bytes": self.bytes}


def rotation(home: Path, state: State, *, most: int | None = None, older_than: float | None = None) -> Rotation | None:
    """The logs that have to go so that all together take no more than `most`; None if there are none.

    Args:
        home: The session's state folder.
        state: Of the session.
        most: Bytes that may stay; `MOST_BYTES` by default.
        older_than: A moment (seconds since 1970): what was written before it goes as well.
    """
    found = _logs(home)
    most = MOST_BYTES if most is None else most
    total = sum(size for _, _, size, _ in found)
    last = next(reversed(state.trials), 0) - _LAST
    before, going, freed = 0, list[str](), 0
    for number, path, size, written in sorted(found):
        if number > last or _stays(state, number):
            continue
        aged = older_than is not None and written < older_than
        if total - freed <= most and not aged and number >= before:
            break
        before, freed = number + 1, freed + size
        going.append(path)
    return Rotation(before, tuple(map(Path, going)), freed) if going else None


def remove(rotation: Rotation) -> None:
    """Remove the files of a rotation that is journaled."""
    for path in rotation.files:
        with suppress(OSError):  # the next one tries again
            path.unlink(missing_ok=True)


def gone(state: State, number: int) -> bool:
    """Whether the log of a trial was removed to make room."""
    return number < state.logs_from and not _stays(state, number)


def _stays(state: State, number: int) -> bool:
    trial = state.trials.get(number)
    return number == 0 or trial is None or trial.decision in {None, Decision.KEEP}


def _logs(home: Path) -> list[tuple[int, str, int, float]]:
    found: list[tuple[int, str, int, float]] = []
    with suppress(FileNotFoundError), os.scandir(home / "logs") as entries:
        for entry in entries:
            if (name := _NAME.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False):
                facts = entry.stat(follow_symlinks=False)
                found.append((int(name[1]), entry.path, facts.st_size, facts.st_mtime))
    return found
