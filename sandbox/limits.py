"""Bounds that a trial inherits, and the private user that it becomes when Referee runs as root.

Covered here: no core dumps, no POSIX message queues (they outlive a process). Time and output are
bounded by `watch`. Not bounded yet: memory, number of processes, bytes on disk.
"""

import os
import resource
from pathlib import Path

_PREFERRED = 2_000_000_000
_SPREAD = 4096
_NOBODY = 65534


def apply() -> None:
    """Set the limits that every backend shares on this process and all it will start."""
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_MSGQUEUE):
        resource.setrlimit(kind, (0, 0))
    os.umask(0o022)


def shared_memory_bytes() -> int:
    """Return the size of a trial's /dev/shm: half of the machine's memory, as the kernel itself gives."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def private_uid() -> int | None:
    """Return a user id that nobody else has, for a trial started by root; None for an ordinary user.

    It differs between processes that run at the same time, and lies inside the user namespace of a container.
    None as well for the root of a namespace that knows no other user: it is an ordinary user outside.
    """
    if os.geteuid() != 0:
        return None
    return pick_uid(Path("/proc/self/uid_map").read_text(encoding="ascii"), os.getpid())


def pick_uid(uid_map: str, number: int) -> int | None:
    """Choose an unused user id out of the ranges of a `/proc/self/uid_map` text, None if there is only root."""
    ranges = [tuple(int(field) for field in line.split()) for line in uid_map.splitlines() if line.strip()]
    for first, _, count in ranges:
        if first <= _PREFERRED and first + count > _PREFERRED + (1 << 22):
            return _PREFERRED + number
    first, _, count = max(ranges, key=lambda entry: entry[2])
    top = first + count - 1 if first + count - 1 < _NOBODY else min(first + count, _NOBODY) - 1
    return max(first, top - number % min(_SPREAD, max(count // 4, 1))) or None
