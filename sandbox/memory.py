"""How much memory a trial really uses.

Memory is what cannot be dropped: anonymous pages and files in memory, swapped out or not. Pages of files on disk do
not count, however many a trial has mapped. Resident sizes of processes, with what is swapped out, are never less than
that but count what forked workers share once for each; so a figure above a limit is looked at more closely first.
"""

import math
import os
import re
import time
from collections.abc import Iterable
from functools import partial

from .held import File, Holdings, content, number_of
from .sight import Sight

_SECONDS = 2.0
_KB = 1024
_LINE = re.compile(rb"^(\w+):\s+(\d+) kB$", re.MULTILINE)
_CLOSER = 1.05
# A guess until it is known: a few milliseconds for a gigabyte.
_COST_OF_BYTE = 5e-12
_REST = 1000
_REST_GROWN = 100
_REST_ABOVE = 20


class Scales:
    """Weighs a trial, as closely as it takes to hold it to its limit and to know its peak within five percent.

    Args:
        limit: In bytes.
        mounts: Memory file systems of the trial's own; what is in use there counts.
        sight: How to look into a process.

    Attributes:
        peak: The most that was surely used at one time.
    """

    def __init__(self, limit: int, mounts: Iterable[str], sight: Sight) -> None:
        self.peak = 0
        self._sight = sight
        self._limit = limit
        self._mounts = tuple(mounts)
        self._cost_of_byte = _COST_OF_BYTE
        self._weighed_at = math.inf
        self._most_then = 0

    def weigh(self, now: float, most: int, pids: list[int], held: Holdings) -> tuple[int, bool]:
        """Return the bytes in use and whether they are sure; (0, True) where no closer look was needed or due.

        Args:
            now: `time.monotonic()`.
            most: What is known not to be exceeded, mounts aside.
            pids: The trial's processes.
            held: What they hold.
        """
        # The first time it is asked counts as weighed, so that a short trial is not weighed for its peak alone.
        self._weighed_at = min(self._weighed_at, now)
        bar = min(self._limit, int(self.peak * _CLOSER))
        inside = mounted(self._mounts)
        if most + inside <= bar or not self._due(now, most + inside):
            return 0, True
        began = time.thread_time()
        found, sure = bound(pids, held), True
        if found + inside > bar:
            found, sure = exact(pids, held, self._sight)
            self.peak = max(self.peak, found + inside if sure else 0)
        self._weighed_at, self._most_then = now, most + inside
        self._cost_of_byte = (time.thread_time() - began) / (most + inside)
        return found + inside, sure

    def _due(self, now: float, most: int) -> bool:
        """At once where there is suddenly more above the limit; otherwise as often as is cheap, and worth it."""
        above = most > self._limit
        if above and most > self._most_then + self._limit * (_CLOSER - 1):
            return True
        grown = most > self._most_then * _CLOSER
        rest = _REST_ABOVE if above else _REST_GROWN if grown else _REST
        return now >= self._weighed_at + rest * self._cost_of_byte * most


def bound(pids: Iterable[int], held: Holdings) -> int:
    """Return bytes that these processes use at most; reading it costs little."""
    return sum(held.memory.values()) + sum(map(_at_most, pids))


def exact(pids: Iterable[int], held: Holdings, sight: Sight) -> tuple[int, bool]:
    """Return the bytes that these processes use, what they share counted once, and whether that is sure.

    It is more than the truth, and not sure, where a process does not let us look, or where looking takes too long.
    """
    until = time.monotonic() + _SECONDS
    total, sure = sum(held.memory.values()), True
    for pid in pids:
        try:
            if time.monotonic() > until:
                raise PermissionError
            total += sight(partial(_part, pid, held.unsized))
        except PermissionError:
            total += _at_most(pid)
            sure = False
        except OSError:
            continue
    return total, sure


def swapped(pids: Iterable[int]) -> int:
    """Return the bytes of these processes that are swapped out; costs nothing on a machine without swap."""
    if content("/proc/swaps").count(b"\n") <= 1:
        return 0
    return sum(_status(pid).get("VmSwap", 0) for pid in pids)


def mounted(mounts: Iterable[str]) -> int:
    """Return the bytes in use in file systems that are memory."""
    found = map(os.statvfs, mounts)
    return sum((status.f_blocks - status.f_bfree) * status.f_frsize for status in found)


def _at_most(pid: int) -> int:
    figures = _status(pid)
    return sum(figures.get(name, 0) for name in ("RssAnon", "RssShmem", "VmSwap"))


def _status(pid: int) -> dict[str, int]:
    try:
        return _figures(f"/proc/{pid}/status")
    except OSError:
        return {}


def _part(pid: int, files: frozenset[File]) -> int:
    return _private(pid) + (_mapped(pid, files) if files else 0)


def _private(pid: int) -> int:
    """Return a process's part of anonymous memory (Linux 5.4; before that, of all that it has mapped)."""
    figures = _figures(f"/proc/{pid}/smaps_rollup")
    return figures.get("Pss_Anon", figures.get("Pss", 0)) + figures.get("SwapPss", 0)


def _figures(path: str) -> dict[str, int]:
    """Return the lines `name: number kB` of a file of /proc, in bytes."""
    return {name.decode("ascii"): int(number) * _KB for name, number in _LINE.findall(content(path))}


def _mapped(pid: int, files: frozenset[File]) -> int:
    """Return a process's part of what is mapped in of these files."""
    total, wanted = 0, False
    for line in content(f"/proc/{pid}/smaps").decode("utf-8", "surrogateescape").splitlines():
        words = line.split(None, 5)
        if not words[0].endswith(":"):
            wanted = (number_of(words[3]), int(words[4])) in files
        elif wanted and words[0] == "Pss:":
            total += int(words[1]) * _KB
    return total
