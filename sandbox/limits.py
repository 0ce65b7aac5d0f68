"""Bounds that a trial inherits, and the private user that it becomes when Referee runs as root.

Covered here: no core dumps, no POSIX message queues (they outlive a process); and, a little above the limits that
`gauge` measures and names, bounds of the kernel that hold between two looks. Each is inherited and can only be
lowered. Edge: the kernel bounds no number of processes of the machine's root.
"""

import math
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from . import cgroup, machine
from .held import content
from .spec import Limits

_PREFERRED = 2_000_000_000
# Two for each process.
_NUMBERS = 2 * (1 << 22)
_SPREAD = 4096
_NOBODY = 65534
_SPARE = 64


def apply() -> None:
    """Set the limits that every backend shares on this process and all it will start."""
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    # Too little for a file, and unlike 0 also refused by a kernel that pipes core dumps to a program: core(5).
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    os.umask(0o022)


def group(limits: Limits) -> cgroup.Group | None:
    """Make the control group of one trial, where one may be made; `gauge` names what its bounds then stop."""
    return cgroup.make(machine.allowed(limits.memory), _most_tasks(limits))


def in_child(limits: Limits, owner: int | None) -> None:
    """Set the bounds of one trial's limits, in the process that will become its command.

    Args:
        limits: What the trial may use.
        owner: Its private user, if it becomes one.
    """
    if limits.cpu_seconds is not None:
        # A second more, so that the gauge comes first; one more to die of it whatever is done with the signal.
        seconds = math.ceil(limits.cpu_seconds) + 1
        _bound(resource.RLIMIT_CPU, seconds, seconds + 1)
    # Shared memory is a file to the kernel.
    _bound(resource.RLIMIT_FSIZE, max(limits.disk_bytes, machine.allowed(limits.memory)))
    _bound(resource.RLIMIT_NOFILE, limits.open_files + _SPARE)
    alone = owner is not None or _in_namespace_of_one()
    _bound(resource.RLIMIT_NPROC, _most_tasks(limits) + (0 if alone else _tasks_of(os.geteuid())))


def _most_tasks(limits: Limits) -> int:
    """Return how many tasks the kernel lets a trial have until the gauge has seen that there are too many."""
    return 2 * limits.processes + _SPARE


def _bound(kind: int, soft: int, hard: int | None = None) -> None:
    """Set a bound, or leave a narrower one as it is."""
    _, most = resource.getrlimit(kind)
    room = sys.maxsize if most == resource.RLIM_INFINITY else most
    resource.setrlimit(kind, (min(soft, room), min(hard or soft, room)))


def _in_namespace_of_one() -> bool:
    """Whether this process has a user namespace to itself, where the kernel counts nobody else's processes."""
    return Path("/proc/self/uid_map").read_text(encoding="ascii").split()[2] == "1"


def _tasks_of(user: int) -> int:
    """Return the number of processes and threads that a user has on this machine."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            fields = content(f"/proc/{pid}/status").split()
            # The number of threads, and of four users the real one: see proc_pid_status(5).
            if int(fields[fields.index(b"Uid:") + 1]) == user:
                found += int(fields[fields.index(b"Threads:") + 1])
    return found


def shared_memory_bytes() -> int:
    """Return the size of a trial's /dev/shm: half of the machine's memory, as the kernel itself gives."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def private_uid(number: int = 0) -> int | None:
    """Return a user id that nobody else has, for a trial started by root; None for an ordinary user.

    It differs between processes that run at the same time and between the numbers 0 and 1 of a process, and lies
    inside the user namespace of a container.
    None as well for the root of a namespace that knows no other user: it is an ordinary user outside.
    """
    if os.geteuid() != 0:
        return None
    return pick_uid(Path("/proc/self/uid_map").read_text(encoding="ascii"), 2 * os.getpid() + number)


def is_left_over(user: int) -> bool:
    """Whether a user was made for a trial whose process is gone; where users are few, nobody's number tells."""
    number = user - _PREFERRED
    return 0 <= number < _NUMBERS and not Path(f"/proc/{number // 2}").exists()


def pick_uid(uid_map: str, number: int) -> int | None:
    """Choose an unused user id out of the ranges of a `/proc/self/uid_map` text, None if there is only root."""
    ranges = [tuple(int(field) for field in line.split()) for line in uid_map.splitlines() if line.strip()]
    for first, _, count in ranges:
        if first <= _PREFERRED and first + count > _PREFERRED + _NUMBERS:
            return _PREFERRED + number
    first, _, count = max(ranges, key=lambda entry: entry[2])
    top = first + count - 1 if first + count - 1 < _NOBODY else min(first + count, _NOBODY) - 1
    return max(first, top - number % min(_SPREAD, max(count // 4, 1))) or None
