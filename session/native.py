"""What an agent did with its client's own tools, as the client's hook tells it: a trail beside the journal.

Format of `native-calls.jsonl` in the state folder of a session: one JSON object per line with `time` (UTC), `tool`,
`input` (JSON, at most 2,000 characters), `id` of the call and `client_session`.

Edge: it is no part of the chain. Who may write the state folder may change it, and a client without the hook writes
none, so that an empty trail proves nothing.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import RepositoryError
from .places import find_checkout, refuse_pointer
from .shapes import is_table

FILE = "native-calls.jsonl"
MOST_BYTES = 20_000_000  # a trail that has grown to this gets no more lines
_CUT = 2000
_CUT_NAME = 120


@dataclass(frozen=True, slots=True)
class NativeCall:
    """One call of a tool that is not Referee's."""

    time: str
    tool: str
    input: str
    id: str
    client_session: str


def note(told: Mapping[str, Any], folder: Path) -> bool:
    """Append a call to the latest session of the project around a folder; False if there is none or it is full.

    Args:
        told: What the client gives a hook: `tool_name`, `tool_input`, `tool_use_id`, `session_id`.
        folder: Where the client works.

    Raises:
        RepositoryError: If the folder lies in no repository, or the place of the state cannot be believed.
        OSError: If the line cannot be written.
    """
    home = _latest(folder)
    if home is None:
        return False
    call = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "tool": str(told.get("tool_name", ""))[:_CUT_NAME],
        "input": json.dumps(told.get("tool_input"))[:_CUT],
        "id": str(told.get("tool_use_id", ""))[:_CUT_NAME],
        "client_session": str(told.get("session_id", ""))[:_CUT_NAME],
    }
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(home / FILE, flags, 0o600)
    try:
        room = os.fstat(descriptor).st_size < MOST_BYTES
        if room:
            os.write(descriptor, json.dumps(call).encode("ascii") + b"\n")
    finally:
        os.close(descriptor)
    return room


def _latest(folder: Path) -> Path | None:
    """The state folder of the session whose journal was written last."""
    checkout = find_checkout(folder)
    pointers = checkout.pointers()
    homes: dict[float, Path] = {}
    for pointer in pointers.iterdir() if pointers.is_dir() else ():
        refuse_pointer(checkout, pointer.name)
        home = Path(pointer.read_text(encoding="utf-8").strip())
        journal = home / "journal.jsonl"
        if journal.is_file():
            homes[journal.stat().st_mtime] = home
    return homes[max(homes)] if homes else None


def noted(home: Path) -> list[NativeCall]:
    """The trail of a session in order; lines that are none are left out.

    Raises:
        RepositoryError: If something else than a plain file lies there.
    """
    path = home / FILE
    if not os.path.lexists(path):
        return []
    if path.is_symlink() or not path.is_file():
        raise RepositoryError(f"{path}: found something else than a plain file. Look at it, then remove it.")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [call for line in lines if (call := _read(line)) is not None]


def _read(line: str) -> NativeCall | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not is_table(found):
        return None
    return NativeCall(*(str(found.get(name, "")) for name in NativeCall.__slots__))
