"""The limits of a trial, measured from outside while it runs.

Guarantee: whatever stays above a limit for longer than one look is found; at the end, what was burned or left behind.
Looking takes about one percent of one core: every 50 ms, more seldom where there is much to look at, and at the latest
after one second. Edge: what a trial uses and gives back between two looks is not seen.
"""

import math
import os
import time
from collections.abc import Iterator
from itertools import chain
from typing import Protocol

from . import figures, machine, memory
from .census import Census, Usage
from .disk import Count
from .held import Shelf
from .sight import Sight
from .spec import Breach, Limits
from .written import Written

BY_GROUP = "and a request for more"
_PAGE = 4096
_SHARE = 0.01
_SHORTEST, _LONGEST = 0.05, 1.0


class Group(Protocol):
    """A control group that holds the trial; None where it does not know."""

    def memory_bytes(self) -> int | None:
        """Bytes charged to it now."""
        ...

    def out_of_memory(self) -> bool:
        """Whether the kernel killed something in it for want of memory."""
        ...

    def refused_tasks(self) -> bool:
        """Whether the kernel refused it a process or thread for want of room."""
        ...

    def cpu_seconds(self) -> float | None:
        """User and system time of everything that was ever in it."""
        ...

    def tasks(self) -> int | None:
        """Processes and threads in it now."""
        ...


class Gauge:
    """Measures one trial; made before it starts, in the process that it descends from; `begin` comes with its start.

    Args:
        limits: What it may use.
        written: Folders in which it writes; what lies there now does not count.
        memory_mounts: Memory file systems of its own.
        group: Its control group, if it has one.
        owners: Its private users, if it has any.
        helpers: How many processes of the sandbox itself are among the descendants.

    Attributes:
        cpu_seconds: User and system time seen, of everything.
        unreadable: The most processes at one time whose files and shared pages Referee may not see.
    """

    def __init__(
        self,
        limits: Limits,
        written: tuple[str, ...],
        memory_mounts: tuple[str, ...],
        group: Group | None = None,
        *,
        owners: tuple[int, ...] = (),
        helpers: int = 0,
    ) -> None:
        self._limits = limits
        self._group = group
        self._helpers = helpers
        self._memory = machine.allowed(limits.memory)
        sight = Sight(*owners)
        self._scales = memory.Scales(self._memory, memory_mounts, sight)
        self._written = Written(written, Count(limits.disk_bytes, limits.files))
        shelf = Shelf((os.stat(mount).st_dev for mount in memory_mounts), sight)
        self._census = Census(limits.processes + helpers, shelf)
        self._next = 0.0
        self.cpu_seconds = 0.0
        self.unreadable = 0

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory that was seen in use at one time, by everything together; 0 if no look came to see it."""
        return self._scales.peak

    def note_collected(self) -> None:
        """Take the processor time of everything that ended and was waited for."""
        self._note_cpu(self._census.collected())

    def begin(self, draft: int) -> None:
        """Note that the trial starts now, and that a draft of so many bytes was put into its folders for it."""
        self._written.begin(Count(math.ceil(draft / _PAGE) * _PAGE, 1))
        self._next = time.monotonic() + _SHORTEST

    def seconds_to_next(self, now: float) -> float:
        """Return for how long there is nothing to look at; `now` is `time.monotonic()`."""
        return max(0.0, self._next - now)

    def look(self, now: float) -> Breach | None:
        """Look at everything and return a limit that is exceeded, if one is."""
        entered, began = time.monotonic(), time.thread_time()
        usage = self._census.look()
        self.unreadable = max(self.unreadable, usage.unreadable)
        self._note_cpu(usage.cpu_seconds)
        breach = next(self._breaches(now, usage), None)
        rest = pause(time.thread_time() - began)
        # Counting files minds its own cost.
        breach = breach or next(self._stored(self._on_disk(now, usage)), None)
        self._next = now + time.monotonic() - entered + (_SHORTEST if self._written.busy else rest)
        return breach

    def last_look(self) -> Breach | None:
        """Return a limit that was exceeded and not seen so; nothing of the trial may live, nothing be removed yet."""
        self.note_collected()
        return next(chain(self._refused(), self._burned(), self._stored(self._written.all())), None)

    def _note_cpu(self, seconds: float) -> None:
        known = self._group.cpu_seconds() if self._group else None
        self.cpu_seconds = max(self.cpu_seconds, seconds, known or 0.0)

    def _breaches(self, now: float, usage: Usage) -> Iterator[Breach]:
        limits = self._limits
        if (tasks := self._tasks(usage)) > limits.processes:
            yield Breach("processes", f"{tasks} processes and threads", str(limits.processes))
        if usage.open_files > limits.open_files:
            yield Breach("open_files", f"{usage.open_files} in one process", str(limits.open_files))
        yield from self._burned()
        yield from self._refused()
        yield from self._weighed(now, usage)

    def _tasks(self, usage: Usage) -> int:
        known = self._group.tasks() if self._group else None
        return max(usage.tasks, known or 0) - self._helpers

    def _burned(self) -> Iterator[Breach]:
        allowed = self._limits.cpu_seconds
        if allowed is not None and self.cpu_seconds > allowed:
            yield Breach("cpu", *figures.times(self.cpu_seconds, allowed))

    def _refused(self) -> Iterator[Breach]:
        """Yield what the control group stopped before a look could see it."""
        if self._group and self._group.out_of_memory():
            _, allowed = figures.sizes(0, self._memory)
            yield Breach("memory", f"{allowed} {BY_GROUP}", allowed)
        if self._group and self._group.refused_tasks():
            allowed = str(self._limits.processes)
            yield Breach("processes", f"{allowed} {BY_GROUP}", allowed)

    def _weighed(self, now: float, usage: Usage) -> Iterator[Breach]:
        known = self._group.memory_bytes() if self._group else None
        most = usage.memory_bytes if known is None else min(known, usage.memory_bytes)
        pids = [process.window for process in self._census.processes]
        found, sure = self._scales.weigh(now, most, pids, usage.held)
        if found > self._memory:
            seen, allowed = figures.sizes(found, self._memory)
            yield Breach("memory", seen if sure else f"up to {seen}", allowed)

    def _on_disk(self, now: float, usage: Usage) -> Count:
        nameless = Count(sum(usage.held.disk.values()), len(usage.held.disk))
        count = self._written.look(now) + nameless
        # A process that hides what it holds does not hide that the disk fills up.
        return count.or_more(self._written.grown()) if usage.unreadable else count

    def _stored(self, count: Count) -> Iterator[Breach]:
        limits = self._limits
        if count.bytes > limits.disk_bytes:
            yield Breach("disk", *figures.sizes(count.bytes, limits.disk_bytes))
        if count.files > limits.files:
            yield Breach("files", f"{count.files} files and folders", str(limits.files))


def pause(cost: float) -> float:
    """Return the seconds from one look to the next when a look costs so many seconds of processor time."""
    return min(_LONGEST, max(_SHORTEST, cost / _SHARE))
