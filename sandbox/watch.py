"""Watch a running trial: its end, its deadline, its output, its limits, and the lifeline to the server.

Guarantee: returns at the latest `wall_seconds` after the start plus one look of the gauge, whatever the trial
does with signals or pipes. Reading is bounded, so a flood of output cannot hold up the deadline.
"""

import errno
import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from . import process
from .gauge import Gauge
from .log import Log
from .process import Running
from .spec import Breach, Limits

_CHUNK = 1 << 16
_LONGEST = 3600.0

Ending = Literal["exit", "deadline", "output", "limit", "abandoned"]


@dataclass(frozen=True, slots=True)
class End:
    """Why a watch ended, and with `limit` which one was exceeded."""

    ending: Ending
    breach: Breach | None = None


@dataclass(slots=True)
class Output:
    """What the trial wrote: counted, logged, and standard output kept for its metrics."""

    log: Log
    cap: int
    seen: int = 0
    stdout: bytearray = field(default_factory=bytearray)

    @property
    def full(self) -> bool:
        """Whether more was written than is allowed."""
        return self.seen > self.cap

    def take(self, descriptor: int, *, keep: bool) -> bool:
        """Read one piece; False at the end of the stream or when nothing is there."""
        try:
            data = os.read(descriptor, _CHUNK)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EBADF}:
                return False
            raise
        self.seen += len(data)
        self.log.add(data)
        if keep and not self.full:
            self.stdout += data
        return bool(data)

    def read(self, running: Running, ready: set[int], others: tuple[Running, ...] = ()) -> list[int]:
        """Read one piece of each stream that is ready; return those that are at their end."""
        streams = [stream for stream in _streams((running, *others)) if stream in ready]
        return [stream for stream in streams if not self.take(stream, keep=stream == running.stdout)]

    def drain(self, running: Running, others: tuple[Running, ...] = ()) -> None:
        """Read what is left once everything is dead; pipes hold little, so this ends soon."""
        for descriptor in _streams((running, *others)):
            while not self.full and self.take(descriptor, keep=descriptor == running.stdout):
                pass


def _streams(runnings: tuple[Running, ...]) -> list[int]:
    return [stream for running in runnings for stream in (running.stdout, running.stderr)]


def watch(
    running: Running,
    output: Output,
    limits: Limits,
    lifelines: tuple[int, ...],
    started: float,
    gauge: Gauge,
    others: tuple[Running, ...] = (),
) -> End:
    """Return why the watch ended; kills nothing itself.

    Args:
        running: The started command.
        output: Receives what it writes.
        limits: Of time; `output` and `gauge` know their own.
        lifelines: Descriptors that become readable when nobody waits for the result any more.
        started: `time.monotonic()` of the start.
        gauge: Measures what the trial uses.
        others: Commands beside it whose output is logged and whose end is no end.
    """
    poller = select.poll()
    for descriptor in (running.watch, *_streams((running, *others)), *lifelines):
        poller.register(descriptor, select.POLLIN)
    deadline = started + limits.wall_seconds
    while (now := time.monotonic()) < deadline:
        wait = min(deadline - now, gauge.seconds_to_next(now), _LONGEST)
        ready = {descriptor for descriptor, _ in poller.poll(wait * 1000)}
        if ready & set(lifelines):
            return End("abandoned")
        for descriptor in output.read(running, ready, others):
            poller.unregister(descriptor)
        if output.full:
            return End("output")
        if running.watch in ready:
            return End("exit")
        if breach := _look(gauge, (running, *others)):
            return End("limit", breach)
    return End("deadline")


def _look(gauge: Gauge, kept: tuple[Running, ...]) -> Breach | None:
    """Look if it is time; before that, collect orphans that ended, so that they take no place among the living."""
    now = time.monotonic()
    if gauge.seconds_to_next(now) > 0:
        return None
    own = {running.pid for running in kept}
    for child in process.children():
        if child not in own:
            with suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)
    return gauge.look(now)
