"""What a trial left that outlasts it: plain files, copied out of its world when everything in it is dead.

Guarantee: only files at and below the declared paths that the trial itself wrote are copied; no link is followed, no
device opened, nothing frozen and not the target; bounded in number and bytes together. A declared path is copied whole
or not at all, and a note says why not. Of a trial that did not end well nothing stays.
Edge: the copies are data to everybody here; who loads such a file later may execute what it holds.
"""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from . import figures, scratch
from .left import LeftError, files
from .spec import Measurement, Retain, TrialSpec

NOT_RETAINED = "not retained: "


@dataclass(slots=True)
class _Copied:
    """What is copied already, by path, and how many bytes that is."""

    paths: set[str]
    bytes: int = 0


def collect(left: str, spec: TrialSpec) -> tuple[str, ...]:
    """Copy what is to outlast the trial, and return a note for every declared path of which nothing is copied.

    Args:
        left: Folder with the files of the project that the trial wrote; nothing of the trial may live.
        spec: The trial.

    Raises:
        OSError: a file cannot be copied.
    """
    retain = spec.retain
    if retain is None:
        return ()
    discard(retain)
    Path(retain.into).mkdir(mode=0o700, parents=True)
    copied = _Copied(set())
    notes: list[str] = []
    for declared in retain.paths:
        try:
            _copy(left, declared, dict(files(left, declared, spec, spec.private)), retain, copied)
        except LeftError as error:
            notes.append(f"{NOT_RETAINED}{error}")
    return tuple(notes)


def concluded(spec: TrialSpec, measured: Measurement, notes: tuple[str, ...]) -> Measurement:
    """Return the measurement of the whole trial with those notes; what was copied goes unless it is ok."""
    if spec.retain is None:
        return measured
    if measured.outcome != "ok":
        discard(spec.retain)
        return measured
    return replace(measured, notes=(*measured.notes, *notes))


def discard(retain: Retain) -> None:
    """Remove the folder of the copies."""
    if os.path.lexists(retain.into):
        scratch.remove(retain.into)


def _copy(left: str, declared: str, found: dict[str, int], retain: Retain, copied: _Copied) -> None:
    new = {path: size for path, size in found.items() if path not in copied.paths}
    if not found:
        raise LeftError(f"the run left no file at {declared}")
    total, count = copied.bytes + sum(new.values()), len(copied.paths) + len(new)
    if total > retain.most_bytes:
        seen, allowed = figures.sizes(total, retain.most_bytes)
        raise LeftError(f"with {declared} it would be {seen}; evaluate.retain.max is {allowed}")
    if count > retain.most_files:
        raise LeftError(f"with {declared} it would be {count} files; at most {retain.most_files} are")
    for path in new:
        place = Path(retain.into, path)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(Path(left, path), place, follow_symlinks=False)
    copied.paths |= new.keys()
    copied.bytes = total
