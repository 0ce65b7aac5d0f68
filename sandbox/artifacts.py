"""What passes from the first phase of a trial to the second: plain files that the first one left, and nothing else.

Guarantee: once everything of the first phase is dead, each declared file and folder is moved, file by file, to where
the second phase's project will show it: no link, no device, no file with a second name, nothing that Python would
import, nothing frozen and not the target; bounded in number and bytes; not executable any more.
"""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from . import draft, figures
from .errors import SandboxError
from .numerals import shown
from .spec import Score

# What an interpreter, loader or tool executes when a program merely names it, or finds it lying there.
_CODE = re.compile(
    r"(?i).*\.(py[wicdxoz]?|pth|egg|whl|so(\.\d+)*|dll|dylib|exe|jar|class|wasm|node|[mc]?js|jsx|tsx?|pm|pl|rb|php|lua"
    r"|r|jl|tcl|awk|sed|(ba|z|fi|c|k)?sh|bat|ps1|mk|cmake|gradle|nix)"
    r"|(gnu)?makefile|justfile|rakefile|snakefile|dockerfile|conftest.*|package\.json|pyproject\.toml|setup\.cfg|tox\.ini"
    r"|pytest\.ini|mypy\.ini|\..*rc|\.[a-z_]*profile|pyvenv\.cfg|cargo\.toml"
)
_PROGRAMS = (b"#!", b"\x7fELF", b"MZ")
_LOADS_CODE = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".pt", ".ckpt", ".keras", ".h5"})
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_NUMPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_HEAD = 4096
_DEEPEST = 50
_LONGEST = 400
_MOST_NOTES = 3


class ArtifactError(SandboxError):
    """What the first phase left cannot pass; the message is one sentence."""


@dataclass(slots=True)
class _Bill:
    """What has passed so far."""

    bytes: int = 0
    files: int = 0


def collect(left: str, frozen: tuple[str, ...], target: str, score: Score, into: str) -> tuple[str, ...]:
    """Move what was declared from where the first phase left it, and return what a person should know about it.

    Args:
        left: Folder with the files of the project that the first phase wrote; nothing of that phase may live.
        frozen: Folders with the frozen files.
        target: Path of the target, relative to the project like everything else.
        score: The second phase: what may pass, and how much.
        into: Existing folder that will be laid over the frozen files for the second phase.

    Raises:
        ArtifactError: something declared is missing, cannot pass, or is too much.
        OSError: a file cannot be moved.
    """
    bill = _Bill()
    notes: list[str] = []
    for declared in score.artifacts:
        found = False
        for path in _files(left, str(PurePosixPath(declared))):
            if path == target or any(os.path.lexists(Path(folder, path)) for folder in frozen):
                continue
            found = True
            _charge(bill, path, os.lstat(Path(left, path)), score)
            if _may_execute(Path(left, path)):
                notes.append(f"artifact {path} is of a kind that can execute code when it is loaded")
            if len(notes) > _MOST_NOTES:
                notes[_MOST_NOTES:] = ["more artifacts are of such a kind"]
            _move(Path(left, path), into, path)
        if not found:
            raise ArtifactError(f"the run left nothing at {declared}, which evaluate.artifacts names")
    return tuple(notes)


def _files(left: str, declared: str) -> Iterator[str]:
    """Yield the plain files at and below a declared path; no step of the way to them may be a link."""
    parts = PurePosixPath(declared).parts
    steps = [str(PurePosixPath(*parts[: count + 1])) for count in range(len(parts))]
    for step in steps:
        if not os.path.lexists(Path(left, step)):
            return
        status = os.lstat(Path(left, step))
        if step != declared and not stat.S_ISDIR(status.st_mode):
            raise ArtifactError(f"{step} is {_kind(status)}, expected the folder of an artifact")
    yield from _below(left, declared, _DEEPEST)


def _below(left: str, path: str, deeper: int) -> Iterator[str]:
    if not path.isprintable() or len(path) > _LONGEST:
        raise ArtifactError(f"the artifact {shown(path)} has a name that is too long or no plain text")
    place = Path(left, path)
    status = place.lstat()
    if stat.S_ISDIR(status.st_mode):
        if deeper == 0:
            raise ArtifactError(f"artifact {path} is nested more than {_DEEPEST} folders deep")
        place.chmod(0o700)
        for name in sorted(os.listdir(place)):
            yield from _below(left, f"{path}/{name}", deeper - 1)
        return
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise ArtifactError(f"artifact {path} is {_kind(status)}; only plain files pass to the score phase")
    if _CODE.fullmatch(PurePosixPath(path).name) or _head(place).startswith(_PROGRAMS):
        raise ArtifactError(f"artifact {path} is code; only data pass to the score phase")
    yield path


def _head(place: Path) -> bytes:
    place.chmod(0o600)
    with place.open("rb") as file:
        return file.read(_HEAD)


def _kind(status: os.stat_result) -> str:
    kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISREG, "a file with a second name"), (stat.S_ISDIR, "a folder"))
    return next((words for test, words in kinds if test(status.st_mode)), "no plain file")


def _charge(bill: _Bill, path: str, status: os.stat_result, score: Score) -> None:
    bill.bytes += status.st_size
    bill.files += 1
    if bill.bytes > score.artifact_bytes:
        seen, allowed = figures.sizes(bill.bytes, score.artifact_bytes)
        raise ArtifactError(f"the artifacts up to {path} are {seen}; at most {allowed} pass to the score phase")
    if bill.files > score.artifact_files:
        raise ArtifactError(f"the run left more than {score.artifact_files} files as artifacts")


def _may_execute(path: Path) -> bool:
    """Whether loading such a file the usual way can execute code that it holds: pickles, whatever they are called."""
    head = _head(path)
    objects = head.startswith(_NUMPY) and b"O'" in head
    archive = head.startswith(_ZIP) and (b".pkl" in head or b"data.pkl" in head)
    return path.suffix.lower() in _LOADS_CODE or head[:2] in _PICKLE or objects or archive


def _move(source: Path, into: str, path: str) -> None:
    draft.open_parents(into, path)
    place = Path(into, path)
    shutil.move(source, place)
    os.chown(place, os.geteuid(), os.getegid())
    place.chmod(0o444)
