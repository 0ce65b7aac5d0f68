"""Watch a running trial: its end, its deadline, its output, and the lifeline to the server.

Guarantee: returns at the latest `wall_seconds` after the start plus one scheduling delay, whatever the trial
does with signals or pipes. Reading is bounded, so a flood of output cannot hold up the deadline.
"""

import errno
import os
import select
import time
from dataclasses import dataclass, field
from typing import Literal

from .log import Log
from .process import Running
from .spec import Limits

_CHUNK = 1 << 16

Ending = Literal["exit", "deadline", "output", "abandoned"]


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

    def drain(self, running: Running) -> None:
        """Read what is left once everything is dead; pipes hold little, so this ends soon."""
        for descriptor, keep in ((running.stdout, True), (running.stderr, False)):
            while not self.full and self.take(descriptor, keep=keep):
                pass


def watch(running: Running, output: Output, limits: Limits, lifelines: tuple[int, ...], started: float) -> Ending:
    """Return why the watch ended; kills nothing itself.

    Args:
        running: The started command.
        output: Receives what it writes.
        limits: Of time; `output` knows its own.
        lifelines: Descriptors that become readable when nobody waits for the result any more.
        started: `time.monotonic()` of the start.
    """
    poller = select.poll()
    for descriptor in (running.watch, running.stdout, running.stderr, *lifelines):
        poller.register(descriptor, select.POLLIN)
    deadline = started + limits.wall_seconds
    while (left := deadline - time.monotonic()) > 0:
        ready = {descriptor for descriptor, _ in poller.poll(min(left, 3600.0) * 1000)}
        if ready & set(lifelines):
            return "abandoned"
        for descriptor in (running.stdout, running.stderr):
            if descriptor in ready and not output.take(descriptor, keep=descriptor == running.stdout):
                poller.unregister(descriptor)
        if output.full:
            return "output"
        if running.watch in ready:
            return "exit"
    return "deadline"
