"""The store of files that outlast their trials: by SHA-256 below the session's state, as the journal says.

Guarantee: a decision that keeps or drops files is in the journal, on the disk, before the store follows; a store that
a killed server left behind is put right from the records. A stored file was hashed after it had got its own inode
here, is 0400, and appears whole or not at all.
Edge: hashes are of the moment; `verify_retained` hashes again.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import retention
from .files import make_private
from .later import Retain
from .retention import STORE, WAITING, Lasting
from .snapshot import Identity, identity
from .state import Decision, Trial

_CHUNK = 1 << 20
_NAME = re.compile("[0-9a-f]{64}")


class Retained:
    """The store of one session.

    Args:
        home: The session's state folder.
        retain: What the contract says of it; None makes every method do nothing.
    """

    def __init__(self, home: Path, retain: Retain | None) -> None:
        self._store, self._waiting, self._retain = home / STORE, home / WAITING, retain
        self._hashed: dict[Path, tuple[Identity, Lasting]] = {}
        self._told: set[str] = set()

    def found(self, number: int, *, may_keep: bool) -> dict[str, Any]:
        """What the record of a measurement says of the files that the trial left; those of no use are removed."""
        if self._retain is None:
            return {}
        if not may_keep:
            self._forget(number)
        return {"retained": retention.facts(self._left(number))}

    def decided(self, shelf: retention.Shelf, trial: Trial, decision: Decision) -> dict[str, Any]:
        """What the record of a decision says of files; nothing is moved yet."""
        if self._retain is None or decision is not Decision.KEEP:
            return {}
        there, recorded = set(self._left(trial.number)), retention.left_by(trial.measurement)
        files = tuple(file for file in recorded if file in there)
        changed = [f"{file.path} was changed after it was measured" for file in recorded if file not in there]
        return {
            "retained": retention.facts(files),
            "dropped": retention.dropped(self._retain, shelf, files),
            "not_retained": [*retention.unretained(trial.measurement), *changed],
        }

    def follow(self, shelf: retention.Shelf, trials: Mapping[int, Trial]) -> list[str]:
        """Make the store what the journal says, and return what is wrong with it, one sentence each and each once."""
        if self._retain is None:
            return []
        try:
            wrong = self._follow(shelf, trials)
        except OSError as fault:
            wrong = [f"the store of retained files cannot be written ({fault.strerror})"]
        fresh = [said for said in wrong if said not in self._told]
        self._told |= set(fresh)
        return fresh

    def _follow(self, shelf: retention.Shelf, trials: Mapping[int, Trial]) -> list[str]:
        missing = [said for number in shelf for file in shelf[number] if (said := self._publish(number, file))]
        wanted = {file.sha256 for files in shelf.values() for file in files}
        for path in self._stored():
            if path.name not in wanted:
                path.unlink(missing_ok=True)
        for number in self._waiters():
            trial = trials.get(number)
            if trial is None or trial.decision is not None:
                self._forget(number)
        return missing

    def _publish(self, number: int, file: Lasting) -> str:
        place, waiting = self._store / file.sha256, self._waiting / str(number) / file.path
        if os.path.lexists(place):
            return ""
        if not waiting.is_file() or self._hash(waiting, file.path) != file:
            return f"{file.path}, retained of trial {number}, is missing from the store"
        make_private(self._store)
        descriptor = os.open(waiting, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fchmod(descriptor, 0o400)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(waiting, place)
        _sync(self._store)
        return ""

    def _left(self, number: int) -> tuple[Lasting, ...]:
        top = self._waiting / str(number)
        return tuple(self._hash(path, path.relative_to(top).as_posix()) for path in sorted(_plain(top)))

    def _hash(self, path: Path, name: str) -> Lasting:
        """Hash a file, unless it was hashed and nothing about it has moved."""
        now = identity(os.lstat(path))
        known = self._hashed.get(path)
        if known is None or known[0] != now:
            known = self._hashed[path] = (now, Lasting(name, now[3], sha256_of(path)))
        return known[1]

    def _stored(self) -> list[Path]:
        names = os.listdir(self._store) if self._store.is_dir() else []
        return [self._store / name for name in names if _NAME.fullmatch(name)]

    def _waiters(self) -> list[int]:
        names = os.listdir(self._waiting) if self._waiting.is_dir() else []
        return [int(name) for name in names if name.isdecimal()]

    def _forget(self, number: int) -> None:
        top = self._waiting / str(number)
        self._hashed = {path: known for path, known in self._hashed.items() if not path.is_relative_to(top)}
        with suppress(FileNotFoundError):
            shutil.rmtree(top)


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a plain file; a link is not followed.

    Raises:
        OSError: If it cannot be read.
    """
    whole = hashlib.sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
    return whole.hexdigest()


def _plain(top: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(top):
        yield from (Path(folder, name) for name in names if not os.path.islink(Path(folder, name)))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
