"""What was added to clients' files, kept in the repository's state, so that it can be taken away again and no more.

Format: one JSON object; root-relative paths of files, each with whether the file was made, the folders that were, and
the items with how many of their keys existed before and what stood there before.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...session.files import make_private, read_at_most, write_whole
from ...session.shapes import is_table
from .items import Item

_NAME = ".clients.json"  # no tag can begin with a dot
_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Added:
    """One item that was added.

    Attributes:
        depth: How many keys of its path existed before.
        before: What stood in its place before; None for nothing.
    """

    item: Item
    depth: int
    before: Any = None


@dataclass(frozen=True, slots=True)
class Record:
    """What was done to one file.

    Attributes:
        made: Whether it did not exist.
        folders: Those that were made for it, outermost first, relative to the project.
    """

    made: bool
    folders: tuple[str, ...]
    added: tuple[Added, ...]


def load(home: Path) -> dict[str, Record]:
    """Records by root-relative path; empty if there are none that can be read."""
    try:
        data: object = json.loads(read_at_most(home / _NAME, _BYTES))
        return {str(path): _record(value) for path, value in data.items()} if is_table(data) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def save(home: Path, records: Mapping[str, Record]) -> None:
    """Keep them; without any, no file."""
    if not records:
        (home / _NAME).unlink(missing_ok=True)
        return
    make_private(home)
    data = {path: asdict(record) for path, record in records.items()}
    write_whole(home / _NAME, json.dumps(data, indent=1, default=str).encode() + b"\n", 0o600, sync=True)


def _record(value: Any) -> Record:
    added = tuple(_added(one) for one in value["added"])
    return Record(bool(value["made"]), tuple(map(str, value["folders"])), added)


def _added(value: Any) -> Added:
    item = value["item"]
    return Added(
        Item(tuple(map(str, item["path"])), item["value"], bool(item["listed"])), int(value["depth"]), value["before"]
    )
