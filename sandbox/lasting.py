"""What a trial left that outlasts it: plain files, copied out of its world when everything in it is dead.

Guarantee: only files at and below the declared paths that the trial itself wrote are copied; no link is followed, no
device opened, nothing frozen and not the target; bounded in number and bytes together. A declared path is copied whole
or not at all, and a note says why not. Of a trial that did not end well nothing stays.
Edge: the copies are data to everybody here; who loads such a file later may execute what it holds.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from . import figures, scratch
from .errors import SandboxError
from .spec import Measurement, Retain, TrialSpec

NOT_RETAINED = "not retained: "
_DEEPEST = 50
_LONGEST = 1000


class _NotRetainedError(SandboxError):
    """A declared path cannot be copied; the message is one sentence."""


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
    frozen = tuple(filter(None, (spec.snapshot, spec.private)))
    copied = _Copied(set())
    notes: list[str] = []
    for declared in retain.paths:
        try:
            found = {
                path: size
                for path, size in _files(left, declared)
                if path != spec.target and not any(os.path.lexists(Path(folder, path)) for folder in frozen)
            }
            _copy(left, declared, found, retain, copied)
        except _NotRetainedError as error:
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
        raise _NotRetainedError(f"the run left no file at {declared}")
    total, count = copied.bytes + sum(new.values()), len(copied.paths) + len(new)
    if total > retain.most_bytes:
        seen, allowed = figures.sizes(total, retain.most_bytes)
        raise _NotRetainedError(f"with {declared} it would be {seen}; evaluate.retain.max is {allowed}")
    if count > retain.most_files:
        raise _NotRetainedError(f"with {declared} it would be {count} files; at most {retain.most_files} are")
    for path in new:
        place = Path(retain.into, path)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(Path(left, path), place, follow_symlinks=False)
    copied.paths |= new.keys()
    copied.bytes = total


def _files(left: str, declared: str) -> Iterator[tuple[str, int]]:
    """Yield the plain files at and below a declared path with their bytes; no step to them may be a link."""
    parts = PurePosixPath(declared).parts
    for count in range(1, len(parts)):
        step = str(PurePosixPath(*parts[:count]))
        if not os.path.lexists(Path(left, step)):
            return
        if not stat.S_ISDIR(os.lstat(Path(left, step)).st_mode):
            raise _NotRetainedError(f"{step} is no folder of its own")
    if os.path.lexists(Path(left, declared)):
        yield from _below(left, declared, _DEEPEST)


def _below(left: str, path: str, deeper: int) -> Iterator[tuple[str, int]]:
    place = Path(left, path)
    status = place.lstat()
    if stat.S_ISDIR(status.st_mode):
        if deeper == 0:
            raise _NotRetainedError(f"{_called(path)} is nested more than {_DEEPEST} folders deep")
        place.chmod(0o700)
        for name in sorted(os.listdir(place)):
            yield from _below(left, f"{path}/{name}", deeper - 1)
        return
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise _NotRetainedError(f"{_called(path)} is no plain file of its own (a link, or something special)")
    if not path.isprintable() or len(path) > _LONGEST:
        raise _NotRetainedError(f"{_called(path)} has a name that cannot stand in a record")
    place.chmod(0o600)
    yield path, status.st_size


def _called(path: str) -> str:
    return path if path.isprintable() and len(path) <= _LONGEST else ascii(path[:100])
