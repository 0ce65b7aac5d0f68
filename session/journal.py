"""The append-only, hash-chained record of everything that happened: `journal.jsonl`.

Guarantee: a record that was changed, removed from the middle, put in another order, or cut off at the end is noticed
and named by its line. A last line that a crash left half-written is cut away, and that is said.
Edge: someone who may write every file of the state, and who rewrites the whole chain and its head together, is
noticed only by what carries the head elsewhere: commit trailers and the agent's own transcript.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .budget import now
from .chain import GENESIS, WAY_OUT, Loaded, Prefix, Record, digest, head_path, line_of, load, parse
from .errors import JournalError

__all__ = ["GENESIS", "Journal", "Loaded", "Prefix", "Record", "digest", "load", "parse"]


class Journal:
    """The journal opened for writing, by the one process that holds the session's lock.

    Args:
        path: Of the file.
        loaded: What it holds, if that was read since the lock was taken.
    """

    def __init__(self, path: Path, loaded: Loaded | None = None) -> None:
        self.path = path
        loaded = loaded or load(path)
        self.lines, self._last, self._sum = loaded.lines, loaded.head, loaded.sum
        if loaded.torn:
            os.truncate(path, path.stat().st_size - loaded.torn)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._head = os.open(head_path(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._size, self._torn = os.fstat(self._file).st_size, False
        if self.lines == 1:  # a server that was killed right after its first record has left no head
            os.fdatasync(self._file)
            self._note_head(1, self._last)
        if loaded.torn and self.lines:  # the first record is the opening one
            self.append("repaired", {"bytes_cut": loaded.torn}, sync=True)

    @property
    def head(self) -> str:
        """Hash of the last record: whoever keeps it can prove what came before."""
        return self._last

    @property
    def prefix(self) -> Prefix:
        """All that was written so far."""
        return Prefix(self.lines, self._size, self._last, self._sum.hexdigest())

    def append(self, kind: str, data: Mapping[str, Any], *, sync: bool, lane: str = "main") -> Record:
        """Write one record; with `sync` it is on the disk when this returns, with all before it.

        Raises:
            JournalError: If the disk refuses it; the record then does not exist.
        """
        at = now()
        fields: dict[str, Any] = {
            "seq": self.lines + 1,
            "time": datetime.fromtimestamp(at.utc, UTC).isoformat(timespec="milliseconds"),
            "boot": at.boot_id,
            "uptime": round(at.uptime, 3),
            "lane": lane,
            "kind": kind,
            "data": dict(data),
            "prev": self.head,
        }
        record = Record(**fields, hash=digest(fields))
        self._write(record, sync=sync)
        self.lines, self._last = record.seq, record.hash
        return record

    def _write(self, record: Record, *, sync: bool) -> None:
        sync = sync or record.seq == 1
        line = line_of(asdict(record)) + b"\n"
        try:
            if self._torn:
                self._cut()
            self._expect_untouched()
            _write_all(self._file, line)
            if sync:
                os.fdatasync(self._file)
        except OSError as fault:
            self._torn = True
            with suppress(OSError):  # a disk that takes nothing any more does not let go of half a line either
                self._cut()
            raise JournalError(
                f"{self.path}: cannot be written ({fault.strerror}). Free some space or mend the disk, then try again."
            ) from None
        self._size += len(line)
        self._sum.update(line)
        if sync:  # the head must never be ahead of what the disk holds, or a power cut would look like tampering
            with suppress(OSError):  # the record is there all the same, and a head that lags behind does no harm
                self._note_head(record.seq, record.hash)

    def _cut(self) -> None:
        os.ftruncate(self._file, self._size)
        self._torn = False

    def _expect_untouched(self) -> None:
        ours = os.fstat(self._file)
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there is None or there.st_ino != ours.st_ino or ours.st_size != self._size:
            raise JournalError(
                f"{self.path}: another process changed or replaced the journal while the session was running. {WAY_OUT}"
            )

    def _note_head(self, seq: int, digest: str) -> None:
        os.pwrite(self._head, f"{seq:012d} {digest}\n".encode("ascii"), 0)
        if seq == 1:  # from here on a journal without a head is one whose head was removed
            os.fsync(self._head)
            _sync_folder(self.path.parent)

    def close(self) -> None:
        """Put what is left on the disk and close both files."""
        os.fdatasync(self._file)
        if self.lines:
            self._note_head(self.lines, self._last)
        os.close(self._file)
        os.close(self._head)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
