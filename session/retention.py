"""Which files of kept trials last, told from the journal alone: no file is looked at here.

Guarantee: what the store must hold follows from the journal, so a store that a crash left behind can be put right.
Of `best`, the files of the latest best that left any; of `all`, those of every kept trial, as far as `max` reaches:
the oldest make room, never those of the trial that is kept just then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..sandbox import spec
from ..sandbox.lasting import NOT_RETAINED
from .later import Retain

STORE, WAITING = "retained", "retaining"
"""Folders of a session's state: content by SHA-256, and what trials left that are not decided, by number."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """A file that a trial left: its path in the project, bytes, and SHA-256 (hex) of its content."""

    path: str
    size: int
    sha256: str


Shelf = Mapping[int, tuple[Lasting, ...]]
"""The files that the store must hold, by the number of their trial, oldest first."""


def of_contract(retain: Retain | None, home: Path, number: int) -> spec.Retain | None:
    """What the sandbox is to copy of a trial, and where to."""
    return None if retain is None else spec.Retain(retain.paths, str(home / WAITING / str(number)), retain.max)


def left_by(measurement: Mapping[str, Any]) -> tuple[Lasting, ...]:
    """The files that a measured trial left, as its record has them."""
    return tuple(Lasting(**file) for file in measurement.get("retained", ()))


def trailers(measurement: Mapping[str, Any]) -> list[str]:
    """The same as values of the trailer `Referee-Artifact`: SHA-256 and path."""
    return [f"{file.sha256} {file.path}" for file in left_by(measurement)]


def facts(files: Iterable[Lasting]) -> list[dict[str, Any]]:
    """Files as records hold them."""
    return [asdict(file) for file in files]


def dropped(retain: Retain, held: Shelf, files: Sequence[Lasting]) -> list[int]:
    """The trials whose files make room for these, which are the best's."""
    if not files:
        return []
    if retain.keep == "best":
        return list(held)
    gone: list[int] = []
    for number in held:
        staying = [file for other in held if other not in gone for file in held[other]]
        if _bytes([*staying, *files]) > retain.max:
            gone.append(number)
    return gone


def _bytes(files: Iterable[Lasting]) -> int:
    return sum({file.sha256: file.size for file in files}.values())


def unretained(measurement: Mapping[str, Any]) -> list[str]:
    """Why something that the contract names is not among what a trial left, one sentence each."""
    notes = (str(note) for note in measurement.get("notes", ()))
    return [note.removeprefix(NOT_RETAINED) for note in notes if note.startswith(NOT_RETAINED)]


def said(data: Mapping[str, Any]) -> str:
    """What a decision said of a trial's files, for a reply; empty where nothing was to last."""
    if "retained" not in data:
        return ""
    names = ", ".join(f"{file.path} ({file.size} bytes)" for file in left_by(data))
    gone = ", ".join(map(str, data["dropped"]))
    parts = [
        f"Retained: {names}." if names else "",
        f"To make room, the files of trial {gone} were dropped." if gone else "",
        *(f"Not retained: {why}." for why in data["not_retained"]),
    ]
    return " ".join(part for part in parts if part)
