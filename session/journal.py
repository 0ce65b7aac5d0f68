"""The append-only, hash-chained record of everything that happened: `journal.jsonl`.

Guarantee: a record that was changed, removed from the middle, put in another order, or cut off at the end is noticed
and named by its line. A last line that a crash left half-written is cut away, and that is said.
Edge: someone who may write every file of the state, and who rewrites the whole chain and its head together, is
noticed only by what carries the head elsewhere: commit trailers and the agent's own transcript.

Each line is one JSON object with `seq`, `time` (UTC), `boot`, `uptime`, `lane`, `kind`, `data`, `prev` and `hash`;
`hash` is the SHA-256 of the same object without `hash`, as JSON without spaces and with its keys in the order of the
line (the order of metrics means something), and `prev` the hash of the line before.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from .budget import Instant, now
from .errors import JournalError

GENESIS = "0" * 64
_HEAD = re.compile(rb"(\d{12}) ([0-9a-f]{64})\n")
_WAY_OUT = "Run `referee audit --verify`; to go on working, use another --tag."
_FIELDS = ["seq", "time", "boot", "uptime", "lane", "kind", "data", "prev", "hash"]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal; `time` is ISO 8601 UTC, `uptime` seconds since the boot named by `boot`."""

    seq: int
    time: str
    boot: str
    uptime: float
    lane: str
    kind: str
    data: Mapping[str, Any]
    prev: str
    hash: str

    @property
    def instant(self) -> Instant:
        """When it was written, on both clocks."""
        return Instant(datetime.fromisoformat(self.time).timestamp(), self.boot, self.uptime)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a journal file holds: its records, and how many bytes of a half-written last line follow them."""

    records: tuple[Record, ...]
    torn: int


def digest(fields: Mapping[str, Any]) -> str:
    """The hash of a record's other fields, see the top of this file."""
    return hashlib.sha256(_line(fields)).hexdigest()


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii")


def load(path: Path) -> Loaded:
    """Read and verify a journal, without changing anything.

    Raises:
        JournalError: Naming the first line that does not fit, or the head that is missing at the end.
    """
    head = _bytes(_head_path(path))  # first: the holder may be writing, and its journal is never behind its head
    raw = _bytes(path)
    whole, _, rest = raw.rpartition(b"\n")
    records: list[Record] = []
    prev = GENESIS
    for number, line in enumerate(whole.split(b"\n") if whole else (), start=1):
        record = parse(line, number, prev, path)
        records.append(record)
        prev = record.hash
    _check_head(path, head, records)
    return Loaded(tuple(records), len(rest))


def _bytes(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    except OSError as fault:
        raise JournalError(f"{path}: is not a plain file that can be read ({fault.strerror}).") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise JournalError(f"{path}: is not a plain file.")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def parse(line: bytes, number: int, prev: str, path: Path) -> Record:
    """One line as a record.

    Raises:
        JournalError: If it is none, was changed, or does not follow `prev` as line `number`.
    """
    try:
        found = json.loads(line)
        if not isinstance(found, dict) or list(cast("dict[str, Any]", found)) != _FIELDS:
            raise ValueError
        fields = cast("dict[str, Any]", found)
        as_written = _line(fields) == line  # spaces, escapes or digits may differ where the values do not
        claimed = fields.pop("hash")
        actual = digest(fields)
    except (ValueError, RecursionError):
        raise JournalError(f"{path}: line {number} is not a journal record. {_WAY_OUT}") from None
    if fields["prev"] != prev or fields["seq"] != number:
        raise JournalError(f"{path}: line {number} does not follow the line before it. {_WAY_OUT}")
    if claimed != actual or not as_written:
        raise JournalError(f"{path}: line {number} was changed after it was written. {_WAY_OUT}")
    return Record(**fields, hash=claimed)


def _head_path(path: Path) -> Path:
    return path.with_name("head")


def _check_head(path: Path, head: bytes, records: list[Record]) -> None:
    name = _head_path(path).name
    if not head and len(records) <= 1:  # a crash right after the first record
        return
    noted = _HEAD.fullmatch(head)
    if noted is None or not int(noted[1]):
        raise JournalError(
            f"{path}: its {name}, which says what the last record was, was removed or changed. {_WAY_OUT}"
        )
    seq = int(noted[1])
    if seq > len(records) or records[seq - 1].hash != noted[2].decode("ascii"):
        raise JournalError(
            f"{path}: ends at line {len(records)}, but {name} says that line {seq} was written. "
            f"Records were cut off. {_WAY_OUT}"
        )


class Journal:
    """The journal opened for writing, by the one process that holds the session's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        loaded = load(path)
        self.records = list(loaded.records)
        if loaded.torn:
            os.truncate(path, path.stat().st_size - loaded.torn)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._head = os.open(_head_path(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._size = os.fstat(self._file).st_size
        if loaded.torn and self.records:  # the first record is the opening one
            self.append("repaired", {"bytes_cut": loaded.torn}, sync=True)

    @property
    def head(self) -> str:
        """Hash of the last record: whoever keeps it can prove what came before."""
        return self.records[-1].hash if self.records else GENESIS

    def append(self, kind: str, data: Mapping[str, Any], *, sync: bool, lane: str = "main") -> Record:
        """Write one record; with `sync` it is on the disk when this returns, with all before it.

        Raises:
            JournalError: If the disk refuses it; the record then does not exist.
        """
        at = now()
        fields: dict[str, Any] = {
            "seq": len(self.records) + 1,
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
        self.records.append(record)
        return record

    def _write(self, record: Record, *, sync: bool) -> None:
        self._expect_untouched()
        sync = sync or record.seq == 1
        line = _line(asdict(record)) + b"\n"
        try:
            _write_all(self._file, line)
            if sync:
                os.fdatasync(self._file)
        except OSError as fault:
            os.ftruncate(self._file, self._size)
            raise JournalError(
                f"{self.path}: cannot be written ({fault.strerror}). Free some space, then try again."
            ) from None
        self._size += len(line)
        if sync:  # the head must never be ahead of what the disk holds, or a power cut would look like tampering
            self._note_head(record)

    def _expect_untouched(self) -> None:
        ours = os.fstat(self._file)
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there is None or there.st_ino != ours.st_ino or ours.st_size != self._size:
            raise JournalError(
                f"{self.path}: another process changed or replaced the journal while the session was running. "
                f"{_WAY_OUT}"
            )

    def _note_head(self, record: Record) -> None:
        os.pwrite(self._head, f"{record.seq:012d} {record.hash}\n".encode("ascii"), 0)
        if record.seq == 1:  # from here on a journal without a head is one whose head was removed
            os.fsync(self._head)
            _sync_folder(self.path.parent)

    def close(self) -> None:
        """Put what is left on the disk and close both files."""
        os.fdatasync(self._file)
        if self.records:
            self._note_head(self.records[-1])
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
