"""Locks of refs that a git left behind when it was killed, or the power failed.

Guarantee: a lock is removed only if it is the same file for longer than any git holds one, and of a ref that none but
the holder of the session moves.
"""

import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_SECONDS = 3.0  # git itself gives up on a lock after a tenth of a second
_TICK = 0.05


def break_stale(refs: Iterable[Path]) -> None:
    """Remove the locks of these refs that do not go away and are not made anew."""
    locks = [path.with_name(f"{path.name}.lock") for path in refs]
    held = {path: known for path in locks if (known := _identity(path))}
    until = time.monotonic() + _SECONDS
    while held and time.monotonic() < until:
        time.sleep(_TICK)
        held = {path: known for path, known in held.items() if _identity(path) == known}
    for path in held:
        with suppress(OSError):  # if it stays, git says once more what is in the way
            path.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
