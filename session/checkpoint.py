"""The state of a long session, kept beside its journal, so that a start need not fold everything again.

Guarantee: a checkpoint is believed only if the journal names its SHA-256 in the record right behind the lines that it
covers, and those lines are byte for byte the ones that it was made from. Otherwise all of the journal is read, as if
there were none. Edge: whoever may rewrite the journal with its head may rewrite a checkpoint too; `audit --verify`
believes none, folds every record, and holds each checkpoint against that.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from .. import __version__
from .chain import GENESIS, Loaded, Prefix, parse
from .chain import load as read_journal
from .contract import Budget
from .errors import JournalError
from .files import read_at_most, write_whole
from .fold import fold
from .levels import lowered
from .opened import opened_of
from .past import CHUNK, Trials
from .state import State
from .trial import Trial

EVERY = 200
"""Trials between two checkpoints."""

KIND = "checkpoint"
# The first line of the journal has what was opened; a budget is checked as always; trials are packed already.
_APART = ("opened", "budget", "trials")
_FIRST_LINE = 4_000_000
_NAME = re.compile(rf"{KIND}-\d{{12}}\.json", re.ASCII)


class OtherFormError(ValueError):
    """A checkpoint of another version of Referee."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a file of one holds: the lines that it covers, the state after them, and SHA-256 (hex) of the file."""

    sha256: str
    prefix: Prefix
    state: Mapping[str, Any]


def write(home: Path, state: State, prefix: Prefix) -> str:
    """Keep the state as it is after these lines; returns the SHA-256 (hex) that the next record must hold."""
    parts = {
        name: adapter.dump_json(getattr(state, name), exclude_defaults=True) for name, adapter in _adapters().items()
    }
    parts |= {
        "budget": state.budget.model_dump_json().encode(),
        "integrity": json.dumps(state.opened.integrity).encode(),
        "trials": json.dumps(state.trials.dump()).encode(),
    }
    dumped = b",".join(b'"%s":%s' % (name.encode("ascii"), part) for name, part in parts.items())
    about = json.dumps({"form": _form(), "prefix": asdict(prefix)}).encode("ascii")
    data = b'%s,"state":{%s}}' % (about.removesuffix(b"}"), dumped)
    write_whole(home / f"{KIND}-{prefix.lines:012d}.json", data, 0o600)
    return hashlib.sha256(data).hexdigest()


def forget_older(home: Path) -> None:
    """Remove every checkpoint but the last, once the journal names that one."""
    for path in paths(home)[1:]:
        path.unlink(missing_ok=True)


def load(home: Path) -> tuple[Loaded, State | None]:
    """The journal of a session behind its last checkpoint that can be believed, and the state after all of it.

    Raises:
        JournalError: If the journal is damaged.
    """
    journal = home / "journal.jsonl"
    for path in paths(home):
        with suppress(JournalError, ValidationError, OSError, ValueError, KeyError, TypeError):
            found = read(path)
            loaded = read_journal(journal, found.prefix)
            named = loaded.records[0] if loaded.records else None
            if named is not None and named.kind == KIND and named.data["sha256"] == found.sha256:
                return loaded, fold(loaded.records, restored(journal, found.state))
    loaded = read_journal(journal)
    return loaded, fold(loaded.records)


def paths(home: Path) -> list[Path]:
    """Every checkpoint of a session, the last one first."""
    return sorted((path for path in home.glob(f"{KIND}-*.json") if _NAME.fullmatch(path.name)), reverse=True)


def read(path: Path) -> Checkpoint:
    """What a checkpoint's file holds, believed or not.

    Raises:
        OSError: If it cannot be read.
        OtherFormError: If another version of Referee wrote it.
        ValueError: Or KeyError or TypeError, if it is none.
    """
    data = read_at_most(path, path.lstat().st_size)
    held = from_json(data)
    if held.get("form") != _form():
        raise OtherFormError(path.name)
    return Checkpoint(hashlib.sha256(data).hexdigest(), Prefix(**held["prefix"]), held["state"])


def restored(journal: Path, held: Mapping[str, Any]) -> State:
    """The state that a checkpoint holds; what was opened is taken from the journal's first line.

    Raises:
        JournalError: If that line is damaged.
        ValueError: Or KeyError, if this is no state.
    """
    line = read_at_most(journal, _FIRST_LINE).split(b"\n", 1)[0]
    opened = opened_of(parse(line, 1, GENESIS, journal).data)
    if held["integrity"] != opened.integrity:
        opened = lowered(opened)
    known = {name: adapter.validate_python(held[name]) for name, adapter in _adapters().items()}
    budget = Budget.model_validate(held["budget"], strict=False)
    return State(opened=opened, budget=budget, trials=Trials.load(held["trials"]), **known)


@cache
def _form() -> str:
    """Tells a checkpoint of this version of Referee from others, which may fold the same journal to another state."""
    names = (field.name for kind in (State, Trial) for field in fields(kind))
    return hashlib.sha256(" ".join([__version__, str(CHUNK), *names]).encode("ascii")).hexdigest()


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(State)
    return {field.name: TypeAdapter(hints[field.name]) for field in fields(State) if field.name not in _APART}
