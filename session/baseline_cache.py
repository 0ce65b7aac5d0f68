"""What `referee check` measured of a baseline, kept for a session that opens on exactly the same ground.

Guarantee: an entry is found only under the SHA-256 of everything that its number depends on. An entry that is damaged,
cut, or lies under another key than its own counts as none. It appears whole or not at all.
Edge: entries are as true as the state folder is private; whoever can write there could write a journal as well.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .. import __version__
from .files import write_whole
from .opened import Opened
from .plan import hashed_environment

FOLDER = ".baselines"  # no tag can begin with a dot, so no session's folder can be in the way
_KEPT = 8


@dataclass(frozen=True, slots=True)
class Cached:
    """A measured baseline: the combined measurement as the journal would hold it, and the log of its first run."""

    measurement: Mapping[str, Any]
    log: bytes


def key(
    *,
    contract_digest: str,
    tree: str,
    target_blob: str,
    argv: Sequence[str],
    pins: Mapping[str, str],
    env: Mapping[str, str],
    backend: str,
) -> str:
    """The SHA-256 (hex) of everything that a baseline depends on, the version of Referee included.

    Args:
        contract_digest: Of the contract.
        tree: Of the base commit.
        target_blob: Of the target in it.
        argv: The resolved command.
        pins: Fingerprints of program and inputs, by path.
        env: SHA-256 of every variable that the contract gives to the trial, by name.
        backend: What confines the trial.
    """
    parts = [
        __version__,
        contract_digest,
        tree,
        target_blob,
        list(argv),
        sorted(pins.items()),
        sorted(env.items()),
        backend,
    ]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode("ascii")).hexdigest()


def key_of(opened: Opened, pins: Mapping[str, str], *, target_blob: str, backend: str) -> str:
    """The key for what a session is bound to, with these fingerprints of its inputs."""
    return key(
        contract_digest=opened.contract.digest(),
        tree=opened.tree,
        target_blob=target_blob,
        argv=opened.argv,
        pins=pins,
        env=hashed_environment(opened),
        backend=backend,
    )


def store(home: Path, key: str, measurement: Mapping[str, Any], log: bytes) -> None:
    """Keep a measured baseline below `home`, the folder of the repository's state; the oldest entries make room."""
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    entry = {"key": key, "measurement": dict(measurement), "log_sha256": hashlib.sha256(log).hexdigest()}
    write_whole(folder / f"{key}.log", log, 0o600)
    write_whole(folder / f"{key}.json", json.dumps(entry, allow_nan=False).encode("ascii"), 0o600)
    for old in sorted(folder.glob("*.json"), key=_age, reverse=True)[_KEPT:]:
        old.unlink(missing_ok=True)
        old.with_suffix(".log").unlink(missing_ok=True)


def load(home: Path, key: str) -> Cached | None:
    """The baseline that was measured on that ground, or None."""
    path = home / FOLDER / f"{key}.json"
    try:
        entry: Any = json.loads(path.read_bytes())
        log = path.with_suffix(".log").read_bytes()
    except (OSError, ValueError):
        return None
    if not isinstance(entry, dict):
        return None
    facts = cast("dict[str, Any]", entry)
    whole = facts.get("key") == key and facts.get("log_sha256") == hashlib.sha256(log).hexdigest()
    measured = facts.get("measurement")
    return Cached(cast("dict[str, Any]", measured), log) if whole and isinstance(measured, dict) else None


def _age(path: Path) -> int:
    return os.lstat(path).st_mtime_ns
