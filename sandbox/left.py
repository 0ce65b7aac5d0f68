"""The files of its own that a trial left in its project: found below a declared path, once nothing of the trial lives.

Guarantee: plain files with one name, of printable and bounded paths; no step of the way to them is a link. What is
frozen, and the target, are not among them. What is anything else is an error that names it, not left out.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from .errors import SandboxError
from .numerals import shown
from .spec import TrialSpec

_DEEPEST = 50
_LONGEST = 400


class LeftError(SandboxError):
    """What a trial left cannot be taken; the message begins with its path and is a part of a sentence."""


def files(left: str, declared: str, spec: TrialSpec, private: str) -> Iterator[tuple[str, int]]:
    """Yield path and size of what the trial left at and below a declared path, relative to the project.

    Args:
        left: Folder with what the trial wrote in its project.
        declared: Path relative to the project.
        spec: The trial.
        private: Folder with frozen files besides those of its snapshot; empty for none.

    Raises:
        LeftError: something there is no plain file, or no folder of such.
        OSError: it cannot be looked at.
    """
    frozen = tuple(filter(None, (spec.snapshot, private)))
    if not _reached(left, PurePosixPath(declared)):
        return
    for path, size in _below(left, str(PurePosixPath(declared)), _DEEPEST):
        if path != spec.target and not any(os.path.lexists(Path(folder, path)) for folder in frozen):
            yield path, size


def _reached(left: str, declared: PurePosixPath) -> bool:
    """Whether there is anything at a path; each folder above it has to be one."""
    for step in reversed([declared, *declared.parents][:-1]):
        place = Path(left, step)
        if not os.path.lexists(place):
            return False
        if step != declared and not stat.S_ISDIR(place.lstat().st_mode):
            raise LeftError(f"{step} is {_kind(place.lstat())}, expected a folder")
    return True


def _below(left: str, path: str, deeper: int) -> Iterator[tuple[str, int]]:
    if not path.isprintable() or len(path) > _LONGEST:
        raise LeftError(f"{shown(path)} has a name that is too long or no plain text")
    place = Path(left, path)
    status = place.lstat()
    if stat.S_ISDIR(status.st_mode):
        if deeper == 0:
            raise LeftError(f"{path} is nested more than {_DEEPEST} folders deep")
        place.chmod(0o700)
        for name in sorted(os.listdir(place)):
            yield from _below(left, f"{path}/{name}", deeper - 1)
        return
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise LeftError(f"{path} is {_kind(status)}, expected a plain file of its own")
    place.chmod(0o600)
    yield path, status.st_size


def _kind(status: os.stat_result) -> str:
    kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISREG, "a file with a second name"), (stat.S_ISDIR, "a folder"))
    return next((words for test, words in kinds if test(status.st_mode)), "something special")
