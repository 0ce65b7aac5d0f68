"""Reading the hash-chained journal: one JSON object in each line.

Each line has `seq`, `time` (UTC), `boot`, `uptime`, `lane`, `kind`, `data`, `prev` and `hash`; `hash` is the SHA-256 of
the same object without `hash`, as JSON without spaces and with its keys in the order of the line (the order of metrics
means something), and `prev` the hash of the line before.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

from .budget import Instant
from .errors import JournalError

GENESIS = "0" * 64
WAY_OUT = "Run `referee audit --verify`; to go on working, use another --tag."
_HEAD = re.compile(rb"(\d{12}) ([0-9a-f]{64})\n")
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
class Prefix:
    """The first lines of a journal: how many, their bytes, the hash of the last one, and SHA-256 (hex) of the bytes."""

    lines: int
    bytes: int
    head: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a journal file holds.

    Attributes:
        records: All records, or those behind the prefix that was asked for.
        torn: Bytes of a half-written last line behind them.
        lines: How many whole lines there are.
        head: Hash of the last one.
        sum: SHA-256 of all whole lines, to be gone on with.
    """

    records: tuple[Record, ...]
    torn: int
    lines: int
    head: str
    sum: "Sum" = field(compare=False)


class Sum(Protocol):
    """A hash that goes on, as `hashlib` has them."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        ...

    def hexdigest(self) -> str:
        """The hash of all bytes so far."""
        ...


def digest(fields: Mapping[str, Any]) -> str:
    """The hash of a record's other fields, see the top of this file."""
    return hashlib.sha256(line_of(fields)).hexdigest()


def line_of(fields: Mapping[str, Any]) -> bytes:
    """A record as it stands in the file, without the line feed."""
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii")


def load(path: Path, behind: Prefix | None = None) -> Loaded:
    """Read and verify a journal, without changing anything.

    Args:
        path: Of the journal.
        behind: Lines that were verified before: only that they are the same is checked, and they are left out.

    Raises:
        JournalError: Naming the first line that does not fit, or the head that is missing at the end.
    """
    head = _bytes(head_path(path))  # first: the holder may be writing, and its journal is never behind its head
    raw = _bytes(path)
    known = behind or Prefix(0, 0, GENESIS, "")
    whole = memoryview(raw)[: raw.rfind(b"\n") + 1]
    total = hashlib.sha256(whole[: known.bytes])
    if behind and (len(whole) < known.bytes or total.hexdigest() != known.sha256):
        raise JournalError(f"{path}: its first {known.lines} lines were changed after they were written. {WAY_OUT}")
    total.update(whole[known.bytes :])
    records: list[Record] = []
    prev = known.head
    lines = bytes(whole[known.bytes :]).split(b"\n")[:-1]
    for number, line in enumerate(lines, start=known.lines + 1):
        record = parse(line, number, prev, path)
        records.append(record)
        prev = record.hash
    _check_head(path, head, records, known)
    return Loaded(tuple(records), len(raw) - len(whole), known.lines + len(records), prev, total)


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
        as_written = line_of(fields) == line  # spaces, escapes or digits may differ where the values do not
        claimed = fields.pop("hash")
        actual = digest(fields)
    except (ValueError, RecursionError):
        raise JournalError(f"{path}: line {number} is not a journal record. {WAY_OUT}") from None
    if fields["prev"] != prev or fields["seq"] != number:
        raise JournalError(f"{path}: line {number} does not follow the line before it. {WAY_OUT}")
    if claimed != actual or not as_written:
        raise JournalError(f"{path}: line {number} was changed after it was written. {WAY_OUT}")
    return Record(**fields, hash=claimed)


def head_path(path: Path) -> Path:
    """The file beside a journal that says what its last record was."""
    return path.with_name("head")


def _check_head(path: Path, head: bytes, records: list[Record], known: Prefix) -> None:
    name = head_path(path).name
    total = known.lines + len(records)
    if not head and total <= 1:  # a crash right after the first record
        return
    noted = _HEAD.fullmatch(head)
    if noted is None or not int(noted[1]):
        raise JournalError(
            f"{path}: its {name}, which says what the last record was, was removed or changed. {WAY_OUT}"
        )
    seq = int(noted[1])
    if seq <= known.lines or seq > total or records[seq - known.lines - 1].hash != noted[2].decode("ascii"):
        raise JournalError(
            f"{path}: ends at line {total}, but {name} says that line {seq} was written. "
            f"Records were cut off. {WAY_OUT}"
        )
