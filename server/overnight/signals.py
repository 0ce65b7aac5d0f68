"""Signals that end a night: noted, and a descriptor made readable, so that a wait sees them at once."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """The signals that came, oldest first, and the descriptor that tells of one."""

    def __init__(self, wake: int) -> None:
        self.wake = wake
        self.came: list[str] = []

    def drain(self) -> None:
        """Make the descriptor quiet again."""
        with suppress(BlockingIOError):
            os.read(self.wake, 4096)

    def note(self, number: int, _: FrameType | None) -> None:
        """The handler."""
        self.came.append(signal.Signals(number).name)


@contextmanager
def listening() -> Generator[Signals]:
    """Note SIGINT, SIGTERM and SIGHUP, in place of what they would do."""
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signals = Signals(wake)
    before = {number: signal.signal(number, signals.note) for number in _ENDING}
    woken = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    try:
        yield signals
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(wake)
        os.close(waker)
