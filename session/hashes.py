"""SHA-256 of files by their path, and a cache of them by identity that makes a second opening quick.

Guarantee: a cached hash is used only for the very identity it was computed for, and only if that was settled (see
`trees`) and nobody had the file open for writing when it was read. A cache that is damaged, cut, or open to other
users counts as none.
Edge: the cache is as true as the state folder is private. Where the file system knows no leases, or the file is
another user's, a mapping that was writable before is not noticed.
"""

import errno
import fcntl
import hashlib
import json
import os
import signal
import stat
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import make_private, read_at_most, write_whole
from .places import state_root
from .trees import Identity, Place

FOLDER = "hashes"
_CHUNK = 1 << 20
_LIMIT = 1 << 30
_KEPT = 64
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Hashed:
    """Type, executable bit and content of a path as one SHA-256 (hex, empty if it cannot be read).

    `shared` says that somebody has it open for writing, so that its identity proves nothing.
    """

    sha256: str
    shared: bool = False


def hash_all(paths: Sequence[str]) -> Iterator[Hashed]:
    """Hash paths, several at a time, in order."""
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    if len(batches) <= 1:
        yield from map(hash_one, paths)
        return
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for done in pool.map(_hash_batch, batches):
            yield from done
    finally:
        pool.shutdown(cancel_futures=True)  # whoever has seen enough need not wait for the rest


def _hash_batch(paths: Sequence[str]) -> list[Hashed]:
    return [hash_one(path) for path in paths]


def hash_one(path: str) -> Hashed:
    """Hash a path: of a link its text, and the file it leads to if there is one; of what is no file only its type."""
    try:
        facts = os.lstat(path)
        if stat.S_ISLNK(facts.st_mode):
            return _link(path)
        return _file(path, facts, b"")
    except OSError:
        return Hashed("")


def _link(path: str) -> Hashed:
    text = b"-> " + os.fsencode(os.readlink(path)) + b"\0"
    with suppress(OSError):
        end = os.stat(path)
        if stat.S_ISREG(end.st_mode):
            return _file(path, end, text)
    return Hashed(hashlib.sha256(text).hexdigest())


def _file(path: str, facts: os.stat_result, before: bytes) -> Hashed:
    kind = f"{stat.S_IFMT(facts.st_mode):o} {facts.st_mode & 0o100:o}\0".encode("ascii")
    whole = hashlib.sha256(before + kind)
    if not stat.S_ISREG(facts.st_mode):
        return Hashed(whole.hexdigest())
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        shared = _written_by_others(handle)
        while chunk := os.read(handle, min(_CHUNK, facts.st_size + 1)):
            whole.update(chunk)
    finally:
        os.close(handle)
    return Hashed(whole.hexdigest(), shared)


def _written_by_others(handle: int) -> bool:
    """Whether any process holds it open for writing, a mapping included: then the kernel grants no read lease."""
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # ignored by default; that of leases would end us
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as fault:
        return fault.errno == errno.EAGAIN
    return False


Known = dict[str, tuple[Identity, str]]  # identity and SHA-256 by path


def load(place: Place) -> Known:
    """The hashes of a place that are still worth something if the identities are the same."""
    path = _cache(place)
    try:
        facts = os.lstat(path)
        if facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
            return {}
        digest, _, body = read_at_most(path, _LIMIT).partition(b"\n")
        if digest.decode("ascii") != hashlib.sha256(body).hexdigest():
            return {}
        entries: dict[str, list[Any]] = json.loads(body)
        return {name: (tuple(one[1:]), one[0]) for name, one in entries.items()}
    except (OSError, ValueError):
        return {}


def store(place: Place, known: Mapping[str, tuple[Identity, str]]) -> None:
    """Keep the hashes of a place; the places that were not asked for longest make room.

    A cache that cannot be written is none: the next opening hashes again.
    """
    body = json.dumps({name: [digest, *one] for name, (one, digest) in known.items()}).encode("ascii")
    path = _cache(place)
    with suppress(OSError):
        make_private(path.parent)
        write_whole(path, hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body, 0o600)
        for old in sorted(path.parent.glob("*.json"), key=lambda one: -os.lstat(one).st_mtime_ns)[_KEPT:]:
            old.unlink(missing_ok=True)


def _cache(place: Place) -> Path:
    named = "\0".join([place.path, *sorted(place.left_out)])
    return state_root() / FOLDER / f"{hashlib.sha256(os.fsencode(named)).hexdigest()}.json"
