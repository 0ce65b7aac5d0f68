"""Whether the server that holds a session is one of another client, not of a run that this night started."""

import os
from contextlib import suppress
from pathlib import Path

from ...session.verify import who_holds


def works(home: Path) -> bool:
    """Whether another client's server holds the session in this folder at this moment.

    Edge: what this user may not look at, such as a server within a container, is taken for the night's own.
    """
    noted = who_holds(home)
    return noted.isdigit() and _has_open(int(noted), home / "lock") and not _is_below(int(noted), os.getpid())


def _has_open(pid: int, file: Path) -> bool:
    """Whether that process really has it open: a pid that was noted may mean another process here."""
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if descriptor.samefile(file):
                    return True
    return False


def _is_below(pid: int, ancestor: int) -> bool:
    """Whether a process descends from another; orphans of a run come to its keeper, and so do not get lost."""
    while pid > 1:
        if pid == ancestor:
            return True
        pid = _parent(pid)
    return False


def _parent(pid: int) -> int:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2]
    except OSError:
        return 0
    return int(after_name.split()[1])
