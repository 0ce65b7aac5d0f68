"""What a person asks of a session that another process holds: whole files that the holder takes in.

Guarantee: a message is taken in exactly once, whatever is killed when: the holder journals its id before it removes the
file. What is not a message is left alone.
"""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import read_at_most, write_whole
from .shapes import is_table

_MOST_BYTES = 64_000
_COARSE = 1_000_000_000  # nanoseconds within which two changes may bear the same time


@dataclass(frozen=True, slots=True)
class Message:
    """One request: its id, its kind (such as `extend`), and the values that go with it."""

    id: str
    kind: str
    data: Mapping[str, Any]


def drop(folder: Path, kind: str, data: Mapping[str, Any]) -> None:
    """Leave a message for the holder of the session."""
    folder.mkdir(exist_ok=True)
    name = uuid.uuid4().hex
    text = json.dumps({"id": name, "kind": kind, "data": dict(data)})
    write_whole(folder / f"{name}.json", text.encode(), 0o600, sync=True)


def waiting(folder: Path) -> list[tuple[Path, Message]]:
    """The messages that lie there, oldest first."""
    found: list[tuple[float, Path, Message]] = []
    for path in folder.glob("*.json") if folder.is_dir() else ():
        try:
            message = _message(json.loads(read_at_most(path, _MOST_BYTES)))
            found.append((path.stat().st_mtime, path, message))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return [(path, message) for _, path, message in sorted(found, key=lambda item: (item[0], item[1].name))]


class Lookout:
    """Whether a folder may hold something new, at the price of one look at its time."""

    def __init__(self) -> None:
        self._seen: int | None = None

    def changed(self, folder: Path) -> bool:
        """Whether something came since the last call; also where the clock is too coarse to tell, never too seldom."""
        try:
            at = folder.stat().st_mtime_ns
        except OSError:
            self._seen = None
            return False
        before, self._seen = self._seen, at if time.time_ns() - at > _COARSE else None
        return at != before


def _message(fields: Any) -> Message:
    name, kind, data = fields["id"], fields["kind"], fields["data"]
    if not (isinstance(name, str) and isinstance(kind, str) and is_table(data)):
        raise ValueError("not a message")
    return Message(name, kind, data)
