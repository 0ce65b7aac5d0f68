"""A journal read line by line for a person who doubts it: damage is named, and what can still be read is read.

Guarantee: any byte that differs from what was written is named by its line, unless every line from there on was
computed anew; then the head file or what carries the chain elsewhere disagrees. Nothing is written.
Edge: a half-written last line is what a crash leaves, and is said but not held against anyone.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .findings import MALFORMED, Check, shown
from .journal import GENESIS, Record, digest

_TYPES: dict[str, tuple[type, ...]] = {
    "seq": (int,),
    "time": (str,),
    "boot": (str,),
    "uptime": (int, float),
    "lane": (str,),
    "kind": (str,),
    "data": (dict,),
    "prev": (str,),
    "hash": (str,),
}


@dataclass(frozen=True, slots=True)
class Scan:
    """What a journal file holds.

    Attributes:
        records: Every record up to the first line that is none, in the order of the lines; damaged ones included.
        sound: How many records stand before the first damaged line.
        chain: The check of the lines.
        head: The check of the head file.
    """

    records: tuple[Record, ...]
    sound: int
    chain: Check
    head: Check


def scan(path: Path) -> Scan:
    """Read a journal, whatever state it is in."""
    head = read_head(path)  # before the journal: it may grow meanwhile, and the head never runs ahead
    return scanned(read_journal(path), head, path)


def read_journal(path: Path) -> bytes:
    """The journal's bytes; none if it is gone."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def read_head(path: Path) -> bytes:
    """The bytes of the head file beside a journal; none if it is gone."""
    return read_journal(path.with_name("head"))


def scanned(raw: bytes, head: bytes, path: Path) -> Scan:
    """What the bytes of a journal and of its head file hold; `path` is for messages."""
    whole, _, rest = raw.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    records = [_record(line) for line in lines]
    named = _damage(lines, records)
    readable = records.index(None) if None in records else len(records)
    found = tuple(record for record in records[:readable] if record is not None)
    chain = Check("chain", _covers(lines, found), list(named.values()))
    sound = min([number - 1 for number in named], default=len(lines))
    if not lines:
        chain.findings.append(f"{path} holds no record")
    if readable < len(records):
        chain.unchecked = f"nothing from line {readable + 1} on can be read as a record"
    if rest:
        chain.covers += f"; {len(rest)} bytes of a half-written line follow, as a crash leaves them"
    return Scan(found, sound, chain, _check_head(head, found, whole=readable == len(records)))


def _covers(lines: list[bytes], found: tuple[Record, ...]) -> str:
    head = f", head {found[-1].hash[:12]}" if found and len(found) == len(lines) else ""
    return f"{len(lines)} lines of journal.jsonl{head}"


def _record(line: bytes) -> Record | None:
    try:
        fields = json.loads(line)
        record = Record(**fields)
        well = all(isinstance(fields[name], types) for name, types in _TYPES.items())
        record.instant  # noqa: B018 - a time that is none is no record
    except MALFORMED:
        return None
    return record if well else None


def _damage(lines: list[bytes], records: list[Record | None]) -> dict[int, str]:
    """What is wrong with each line, by its number; the line after a damaged one is judged by itself alone."""
    found: dict[int, str] = {}
    prev, seq = GENESIS, 0
    for number, (line, record) in enumerate(zip(lines, records, strict=True), start=1):
        said = _fault(line, record, prev, seq)
        if said:
            found[number] = f"journal line {number} {said}"
        damaged = record is None or _changed(line, record)
        prev = "" if damaged or record is None else record.hash
        seq = seq + 1 if damaged or record is None else record.seq
    return found


def _fault(line: bytes, record: Record | None, prev: str, seq: int) -> str:
    if record is None:
        return f"is not a journal record: {shown(line[:60].decode('ascii', 'replace'))}"
    kind = shown(record.kind, 40)
    if _changed(line, record):
        return f"({kind}) was changed after it was written: its hash is not that of its content"
    if record.seq != seq + 1:
        return f"({kind}) holds record {record.seq} after record {seq}: records were removed, added or reordered"
    if prev and record.prev != prev:
        return f"({kind}) does not follow the line before it, which was replaced"
    return ""


def _changed(line: bytes, record: Record) -> bool:
    """Whether it is not byte for byte what the journal writes, or its hash is another's."""
    fields = asdict(record)
    try:
        if json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii") != line:
            return True
        del fields["hash"]
        return digest(fields) != record.hash
    except (ValueError, RecursionError):
        return True


def _check_head(raw: bytes, records: tuple[Record, ...], *, whole: bool) -> Check:
    check = Check("head", "the head file")
    words = raw.decode("ascii", "replace").split()
    if not raw and whole and len(records) == 1:
        check.unchecked = "a server that is killed right after its first record leaves no head file"
        return check
    if len(words) != 2 or not (words[0].isascii() and words[0].isdecimal()):  # noqa: PLR2004 - number and hash
        check.findings.append("the head file is missing or says nothing: nobody can tell whether records were cut off")
        return check
    seq = int(words[0])
    check.covers = f"the head file names record {seq}"
    last = max((record.seq for record in records), default=0)
    named = next((record for record in records if record.seq == seq), None)
    if named is None and whole:
        check.findings.append(f"the journal ends with record {last}, but record {seq} was written: it was cut off")
    elif named is None:
        check.unchecked = f"record {seq} cannot be read"
    elif named.hash != words[1]:
        check.findings.append(f"record {seq} is another one than the head file names: the journal was written anew")
    return check
