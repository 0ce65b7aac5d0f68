"""Checkpoints held against the journal: each must be the state that its lines give."""

from collections.abc import Sequence
from pathlib import Path

from . import checkpoint
from .errors import JournalError
from .findings import MALFORMED, Check
from .fold import fold
from .journal import Record


def check_checkpoints(home: Path, records: Sequence[Record]) -> Check:
    """Fold the lines that each checkpoint covers, and compare; one that no record names is not counted."""
    check = Check("checkpoints")
    named = {record.data.get("sha256") for record in records if record.kind == checkpoint.KIND}
    believed, others = 0, 0
    for path in checkpoint.paths(home):
        try:
            found = checkpoint.read(path)
            if found.sha256 not in named:
                continue
            believed += 1
            differs = checkpoint.restored(home / "journal.jsonl", found.state) != fold(records[: found.prefix.lines])
        except checkpoint.OtherFormError:  # the next start writes one of its own
            others += 1
            continue
        except (*MALFORMED, JournalError, OSError):
            differs = True
        if differs:
            check.findings.append(f"{path.name} is not the state that the journal gives. Remove it; nothing is lost")
    check.covers = f"{believed} named by the journal"
    check.covers += f"; {others} of another version, not used" if others else ""
    return check
