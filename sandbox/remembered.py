"""What the probes of the limits found, kept in a file for as long as the machine is what it was.

Guarantee: it is taken only from a plain file of our own that nobody else may read or write, in exactly the form in
which it was written, and only on the same boot, kernel, user, rights, backend and version of Referee; anything else
counts as nothing known. A file appears whole or not at all. Edge: it is as true as the folder of the state is private.
"""

import json
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import __version__
from . import bubblewrap, cgroup, limit_probes
from .held import content
from .spec import Protection

_LONGEST = 64 * 1024
_STATES = ("enforced", "partial", "absent")
_RIGHTS = ("CapEff:", "NoNewPrivs:", "Seccomp:")


def situation(backend: str) -> dict[str, str]:
    """Return all that the findings for a backend, by its key, may depend on; nothing where that cannot be told."""
    with suppress(OSError):
        return _facts(backend)
    return {}


def _facts(backend: str) -> dict[str, str]:
    own = content("/proc/self/status").decode("utf-8", "replace").splitlines()
    program = bubblewrap.program()
    file = os.stat(program) if program else None
    return {
        "version": __version__,
        "backend": backend,
        "kernel": " ".join(os.uname()[2:]),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        "user": f"{os.geteuid()} in {content('/proc/self/uid_map').decode('ascii').split()}",
        "rights": " ".join("".join(line.split()) for line in own if line.startswith(_RIGHTS)),
        "bubblewrap": f"{program} {file.st_size} {file.st_mtime_ns}" if file else "",
        "groups": f"{content('/proc/self/cgroup').decode('utf-8', 'replace')} {cgroup.describe()}",
    }


def load(path: Path, now: Mapping[str, str]) -> tuple[Protection, ...]:
    """Return what was found in this situation; nothing where that is not known for certain."""
    if not now:
        return ()
    try:
        data = _content(path)
        known: Any = json.loads(data)
        found = tuple(Protection(**entry) for entry in known["found"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return ()
    names = tuple(protection.name for protection in found)
    sound = all(protection.state in _STATES for protection in found) and all(map(_is_text, found))
    return found if sound and names == limit_probes.NAMES and data == _written(now, found) else ()


def _is_text(protection: Protection) -> bool:
    return all(isinstance(value, str) for value in asdict(protection).values())


def _written(now: Mapping[str, str], found: tuple[Protection, ...]) -> bytes:
    text = json.dumps({"situation": dict(now), "found": [asdict(protection) for protection in found]})
    return text.encode("ascii")


def _content(path: Path) -> bytes:
    """Return what a private plain file holds.

    Raises:
        OSError: It is none.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        private = status.st_uid == os.geteuid() and status.st_mode & 0o077 == 0 and status.st_nlink == 1
        if not stat.S_ISREG(status.st_mode) or not private or status.st_size > _LONGEST:
            raise PermissionError
        return os.read(descriptor, _LONGEST)
    finally:
        os.close(descriptor)


def store(path: Path, now: Mapping[str, str], found: tuple[Protection, ...]) -> None:
    """Keep what was found; where the file cannot be written, nothing is kept and the next start probes again."""
    if not now:
        return
    spare = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with suppress(OSError):
        _make_private(path.parent)
        try:
            with open(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(_written(now, found))
            os.replace(spare, path)
        finally:
            spare.unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    """Make a folder, and what is missing above it, closed to other users."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
