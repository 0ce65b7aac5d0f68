"""What sessions leave on the disk that may go, and what must not: found here, removed by whoever was asked.

Guarantee: nothing that an audit needs is among what may go unasked: journal, results, retained files, transcripts and
the logs of kept trials stay. What goes is made again from git, or journaled first.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..session import checkpoint, hashes, logs
from ..session.holder import night_at
from ..session.journal import Journal
from ..session.logs import Rotation
from ..session.places import EXPOSED, PRIVATE, SNAPSHOT, state_root
from ..session.project import Known
from ..session.retention import WAITING
from ..session.state import State
from ..session.trial import number_of
from ..session.verify import who_holds

DAY = 24 * 3600.0
_FROZEN = (SNAPSHOT, PRIVATE, EXPOSED)


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that may go: what it is, where, bytes, and what its removal costs."""

    what: str
    place: Path
    bytes: int
    cost: str


def of_session(known: Known, state: State) -> Iterator[Leftover]:
    """What a session that nobody holds has made for its trials; what a trial left that may still be kept stays."""
    for name in _FROZEN:
        yield from _some(known.home / name, f"{known.tag}: frozen files", "made again from git when it is opened")
    yield from _some(known.home / "scratch", f"{known.tag}: what killed trials left", "nothing")
    waiting = known.home / WAITING
    for folder in sorted(waiting.iterdir()) if waiting.is_dir() else ():
        number = number_of(folder.name)
        trial = None if number is None else state.trials.get(number)
        if trial is not None and (trial.decision is not None or trial.interrupted):
            yield from _some(folder, f"{known.tag}: files of trial {trial.number}, which was decided", "nothing")


def old_logs(known: Known, state: State, days: float) -> Rotation | None:
    """Logs of its trials that were not kept and are older than so many days."""
    return logs.rotation(known.home, state, older_than=time.time() - days * DAY)


def of_all(days: float) -> Iterator[Leftover]:
    """What all sessions of this user share, and has not been used for so many days."""
    for path in sorted((state_root() / hashes.FOLDER).glob("*.json")):
        if path.stat().st_mtime < time.time() - days * DAY:
            yield Leftover("hashes of a Python library", path, path.stat().st_size, "hashed again at the next opening")


def lost() -> Iterator[Leftover]:
    """State of repositories that are gone or were moved: their journals are all that is left of their sessions.

    One of whose sessions anybody holds is not among them.
    """
    for owned in sorted(state_root().glob("*/.git")):
        objects, home = owned / "objects", owned.parent
        if objects.is_symlink() and not objects.exists() and not any(map(_busy, _homes(home))):
            tags = ", ".join(path.name for path in _homes(home)) or "no session"
            cost = f"its repository is gone or was moved; the record of {tags} goes with it"
            yield Leftover(home.name, home, size_of(home), cost)


def _homes(home: Path) -> list[Path]:
    return sorted(path.parent for path in home.glob("*/journal.jsonl"))


def _busy(home: Path) -> bool:
    return bool(who_holds(home)) or night_at(home)


def remove(leftover: Leftover) -> None:
    """Remove it; the folders of a session stay, empty.

    Raises:
        OSError: If it cannot be removed.
    """
    if leftover.place.is_dir() and not leftover.place.is_symlink():
        shutil.rmtree(leftover.place)
    else:
        leftover.place.unlink(missing_ok=True)


def rotate(known: Known, rotation: Rotation) -> None:
    """Journal that logs go, then remove them; whoever calls holds the session.

    Raises:
        JournalError: If the journal is damaged or cannot be written; nothing is removed then.
    """
    loaded, _ = checkpoint.load(known.home)
    journal = Journal(known.home / "journal.jsonl", loaded)
    try:
        journal.append(logs.KIND, rotation.facts, sync=True)
    finally:
        journal.close()
    logs.remove(rotation)


def size_of(place: Path) -> int:
    """Bytes of a file, or of all files below a folder; no link is followed."""
    if not place.is_dir() or place.is_symlink():
        return place.lstat().st_size
    names = (os.path.join(folder, name) for folder, _, files in os.walk(place) for name in files)
    return sum(os.lstat(name).st_size for name in names)


def _some(folder: Path, what: str, cost: str) -> Iterator[Leftover]:
    if folder.is_dir() and any(folder.iterdir()):
        yield Leftover(what, folder, size_of(folder), cost)
