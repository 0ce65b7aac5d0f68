"""One process holds a session for writing; every other may read beside it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from filelock import FileLock

from .errors import JournalError

NIGHT = "agent"
"""Folder of a session's state in which `referee overnight` keeps configuration and transcripts."""

_PATIENCE = 0.25  # seconds: `held_by` has the lock for a moment to find out whether anybody does


class Holder:
    """The lock of one session, held until `release` or the end of the process, however it ends.

    As a context manager it is held for the body.
    """

    def __init__(self, folder: Path, tag: str) -> None:
        self._lock = _lock(folder)
        self._folder, self._tag = folder, tag

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def take(self) -> None:
        """Hold the session.

        Raises:
            JournalError: If another process does, naming it.
        """
        if not _take(self._lock, _PATIENCE):
            raise JournalError(
                f"session {self._tag} is held by pid {_noted(self._folder)}. "
                "Reading works; to write, use another --tag."
            )
        (self._folder / "holder").write_text(f"{os.getpid()}\n", encoding="ascii")

    def release(self) -> None:
        """Let others hold it."""
        self._lock.release()


def night_at(folder: Path) -> bool:
    """Whether a `referee overnight` is at work on the session in this folder."""
    lock = night_lock(folder)
    if not lock.lock_file or not Path(lock.lock_file).exists():
        return False
    if not _take(lock, 0):
        return True
    lock.release()
    return False


def night_lock(folder: Path) -> "FileLock":
    """What the one night of a session holds."""
    return _lock(folder / NIGHT, "overnight.lock")


def held_by(folder: Path) -> str:
    """The pid of the process that holds the session, or an empty text if nobody does."""
    lock = _lock(folder)
    if not _take(lock, 0):
        return _noted(folder)
    lock.release()
    return ""


def _lock(folder: Path, name: str = "lock") -> "FileLock":
    from filelock import FileLock  # noqa: PLC0415 - a server's start must not pay for what only a session needs

    return FileLock(folder / name, thread_local=False, is_singleton=False, mode=0o600)


def _take(lock: "FileLock", seconds: float) -> bool:
    from filelock import Timeout  # noqa: PLC0415 - see above

    try:
        lock.acquire(timeout=seconds, poll_interval=0.01)
    except Timeout:
        return False
    return True


def _noted(folder: Path) -> str:
    try:
        return (folder / "holder").read_text(encoding="ascii").strip() or "unknown"
    except OSError:
        return "unknown"
