"""What passes from the first phase of a trial to the second: plain files that the first one left, and nothing else.

Guarantee: once everything of the first phase is dead, each declared file and folder is moved, file by file, to where
the second phase's project will show it: no link, no device, no file with a second name, nothing that Python would
import, nothing frozen and not the target; bounded in number and bytes; not executable any more.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from . import draft, figures
from .left import LeftError, files
from .spec import Score, TrialSpec

# What an interpreter, loader or tool executes when a program merely names it, or finds it lying there.
_CODE = re.compile(
    r"(?i).*\.(py[wicdxoz]?|pth|egg|whl|so(\.\d+)*|dll|dylib|exe|jar|class|wasm|node|[mc]?js|jsx|tsx?|pm|pl|rb|php|lua"
    r"|r|jl|tcl|awk|sed|(ba|z|fi|c|k)?sh|bat|ps1|mk|cmake|gradle|nix)"
    r"|(gnu)?makefile|justfile|rakefile|snakefile|dockerfile|conftest.*|package\.json|pyproject\.toml|setup\.cfg|tox\.ini"
    r"|pytest\.ini|mypy\.ini|\..*rc|\.[a-z_]*profile|pyvenv\.cfg|cargo\.toml"
)
_PROGRAMS = (b"#!", b"\x7fELF")
_LOADS_CODE = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".pt", ".ckpt", ".keras", ".h5"})
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_NUMPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_HEAD = 4096
_MOST_NOTES = 3


@dataclass(slots=True)
class _Bill:
    """What has passed so far."""

    bytes: int = 0
    files: int = 0


def collect(left: str, spec: TrialSpec, score: Score, into: str) -> tuple[str, ...]:
    """Move what was declared from where the first phase left it, and return what a person should know about it.

    Args:
        left: Folder with the files of the project that the first phase wrote; nothing of that phase may live.
        spec: The first phase.
        score: The second phase: what may pass, and how much.
        into: Existing folder that will be laid over the frozen files for the second phase.

    Raises:
        LeftError: something declared is missing, cannot pass, or is too much.
        OSError: a file cannot be moved.
    """
    bill = _Bill()
    notes: list[str] = []
    for declared in score.artifacts:
        before = bill.files
        for path, size in files(left, declared, spec, score.private):
            head = _head(Path(left, path))
            if _CODE.fullmatch(PurePosixPath(path).name) or head.startswith(_PROGRAMS):
                raise LeftError(f"{path} is code, expected data")
            _charge(bill, path, size, score)
            if _may_execute(path, head):
                notes.append(f"artifact {path} is of a kind that can execute code when it is loaded")
            _move(Path(left, path), into, path)
        if bill.files == before:
            raise LeftError(f"{declared} is not there, or is empty")
    return (*notes[:_MOST_NOTES], *(["more artifacts are of such a kind"] if len(notes) > _MOST_NOTES else []))


def _head(place: Path) -> bytes:
    with place.open("rb") as file:
        return file.read(_HEAD)


def _charge(bill: _Bill, path: str, size: int, score: Score) -> None:
    bill.bytes += size
    bill.files += 1
    if bill.bytes > score.artifact_bytes:
        seen, allowed = figures.sizes(bill.bytes, score.artifact_bytes)
        raise LeftError(f"up to {path} they are {seen}, at most {allowed} may pass")
    if bill.files > score.artifact_files:
        raise LeftError(f"there are more than {score.artifact_files} files")


def _may_execute(path: str, head: bytes) -> bool:
    """Whether loading such a file the usual way can execute code that it holds: pickles, whatever they are called."""
    objects = head.startswith(_NUMPY) and b"O'" in head
    archive = head.startswith(_ZIP) and (b".pkl" in head or b"data.pkl" in head)
    return PurePosixPath(path).suffix.lower() in _LOADS_CODE or head[:2] in _PICKLE or objects or archive


def _move(source: Path, into: str, path: str) -> None:
    draft.open_parents(into, path)
    place = Path(into, path)
    shutil.move(source, place)
    os.chown(place, os.geteuid(), os.getegid())
    place.chmod(0o444)
