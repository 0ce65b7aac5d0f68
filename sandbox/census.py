"""Who lives in a trial and what they use, read from /proc by the process that all of it descends from.

Guarantee: a different user or a process namespace hides nobody. Edge: whoever is born while its parent dies may be
missed in one look, and what a process burned that nobody waited for is known only if a look met it. What cannot
be read, because Referee may not look into another user's processes, is counted and said.
"""

import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from . import kernel, memory
from .held import Holdings, Shelf, content

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ROUNDS = 3
_FEW = 64
_SCHEDULED = 2

# Places behind the name in /proc/PID/stat, see proc_pid_stat(5).
_STATE, _PARENT, _UTIME, _STIME, _CUTIME, _CSTIME, _THREADS, _BORN, _RESIDENT = 0, 1, 11, 12, 13, 14, 17, 19, 21
_ENDED = b"ZX"


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes:
        pid: Its number.
        born: When, in clock ticks; with the number it names a process for good.
        parent: Number of its parent.
        tasks: Its threads, the first included.
        own_seconds: Processor time of its own.
        collected_seconds: Processor time of the children that it waited for, and of theirs.
        resident_bytes: What it has in memory, shared or not.
        window: Number under which /proc shows what it holds: a living thread's where the first one has ended.
    """

    pid: int
    born: int
    parent: int
    tasks: int
    own_seconds: float
    collected_seconds: float
    resident_bytes: int
    window: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a trial uses at one moment.

    Attributes:
        tasks: Processes and threads; those that ended and were not collected still take a place.
        cpu_seconds: User and system time of everything that lives and ever lived; never more than the truth.
        memory_bytes: Resident and swapped memory and held memory files; never less than the truth, see `memory.exact`.
        open_files: The largest number that one process has open.
        held: The files without a name that are still held, memory and disk.
        unreadable: How many processes may not let Referee see which files they hold.
    """

    tasks: int
    cpu_seconds: float
    memory_bytes: int
    open_files: int
    held: Holdings
    unreadable: int


class Census:
    """Counts the descendants of this process, again and again.

    Args:
        most: Stop counting once there are more tasks than this.
        shelf: Knows what they hold.
    """

    def __init__(self, most: int, shelf: Shelf) -> None:
        self._most = most
        self._shelf = shelf
        self._seen: dict[tuple[int, int], float] = {}
        self._gone = 0.0
        self._before = collected_seconds()
        self.processes: list[Process] = []

    def look(self) -> Usage:
        """Return what is used now."""
        self.processes = family(self._most)
        self._shelf.look(dict(chain.from_iterable(map(_marks, self.processes))))
        held = self._shelf.held
        resident = sum(process.resident_bytes for process in self.processes)
        swapped = memory.swapped(process.window for process in self.processes)
        return Usage(
            tasks=sum(process.tasks for process in self.processes),
            cpu_seconds=max(self._by_accounts(), self._by_looks()),
            memory_bytes=resident + swapped + sum(held.memory.values()),
            open_files=self._shelf.open_files,
            held=held,
            # Threads that take turns can keep out of sight where the first one has ended.
            unreadable=self._shelf.unreadable + sum(each.window != each.pid for each in self.processes),
        )

    def collected(self) -> float:
        """Return the processor time of what this process has waited for since this was made."""
        return collected_seconds() - self._before

    def _by_accounts(self) -> float:
        """Return what the kernel handed from child to parent; children that a parent ignores are lost to it."""
        living = sum(process.own_seconds + process.collected_seconds for process in self.processes)
        return living + self.collected()

    def _by_looks(self) -> float:
        """Return what was seen of everybody ever seen."""
        now = {(process.pid, process.born): process.own_seconds for process in self.processes}
        self._gone += sum(seconds for key, seconds in self._seen.items() if key not in now)
        self._seen = now
        return self._gone + sum(now.values())


def collected_seconds() -> float:
    """Return the processor time of what this process has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def family(most: int, *, listed: bool | None = None) -> list[Process]:
    """Return the descendants of this process.

    Args:
        most: Stop once they have more tasks than this.
        listed: Whether the kernel lists children; found out by default.
    """
    found: list[Process] = []
    for _ in range(_ROUNDS):
        found, vanished = _walk(most, _lister(listed=_has_lists() if listed is None else listed))
        if not vanished:
            break
    return found


def _walk(most: int, children_of: Callable[[int, int], Iterable[int]]) -> tuple[list[Process], bool]:
    """Return who was met, and whether somebody vanished meanwhile, whose children have moved elsewhere."""
    found: list[Process] = []
    tasks, vanished = 0, False
    waiting = list(children_of(os.getpid(), _FEW))
    while waiting and tasks <= most:
        process = read(waiting.pop())
        if process is None:
            vanished = True
            continue
        found.append(process)
        tasks += process.tasks
        waiting += children_of(process.pid, process.tasks)
    return found, vanished


def read(pid: int) -> Process | None:
    """Return a process, or None if there is none of that number any more."""
    try:
        fields = _fields(pid)
    except OSError:
        return None
    window, shown = _window(pid, fields)
    return Process(
        pid=pid,
        born=int(fields[_BORN]),
        parent=int(fields[_PARENT]),
        tasks=int(fields[_THREADS]),
        own_seconds=(int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS,
        collected_seconds=(int(fields[_CUTIME]) + int(fields[_CSTIME])) / _TICKS,
        resident_bytes=int(shown[_RESIDENT]) * _PAGE,
        window=window,
    )


def _fields(pid: int | str) -> list[bytes]:
    return content(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _window(pid: int, fields: list[bytes]) -> tuple[int, list[bytes]]:
    """Return the number of a living thread and its fields: the first one's, unless that has ended."""
    for thread in _threads(pid) if fields[_STATE] in _ENDED else ():
        with suppress(OSError):
            if (shown := _fields(thread))[_STATE] not in _ENDED:
                return int(thread), shown
    return pid, fields


def _marks(process: Process) -> Iterator[tuple[int, object]]:
    """Yield the numbers under which /proc shows all that a process has open, each with what tells that it did more.

    A thread can leave the table of open files that it shares with the others, where no filter denies that.
    """
    mark = process.born, _ran(process.pid)
    yield process.window, mark
    for thread in map(int, _threads(process.pid) if process.tasks > 1 else ()):
        if thread not in {process.pid, process.window} and kernel.files_apart(process.window, thread):
            yield thread, mark


def _ran(pid: int) -> object:
    """Return what changes with every step of a process or of its threads: its clock, see clock_getcpuclockid(3).

    The hundredths of a second of /proc are too coarse: between two of them a file of any size can be made.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | _SCHEDULED)
    except OSError:
        # It has ended, or the kernel has no such clock, and nothing tells that it stood still.
        return object()


def _has_lists() -> bool:
    own = os.getpid()
    return os.path.exists(f"/proc/{own}/task/{own}/children")


def _lister(*, listed: bool) -> Callable[[int, int], Iterable[int]]:
    if listed:
        return _listed
    found: dict[int, list[int]] = {}
    for process in map(read, map(int, filter(str.isdigit, os.listdir("/proc")))):
        if process is not None:
            found.setdefault(process.parent, []).append(process.pid)
    return lambda pid, _: found.get(pid, ())


def _listed(pid: int, tasks: int) -> list[int]:
    """Return the children of a process, which the kernel lists by the thread that made them."""
    threads = _threads(pid) if tasks > 1 else [str(pid)]
    found: list[int] = []
    for thread in threads:
        with suppress(OSError):
            found += map(int, content(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
