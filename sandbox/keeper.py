"""The jail's first process: forks one child for each load of the target, and ends it when nobody asks it any more.

Nothing imports it on the host: its text runs in the jail. It executes nothing of the target itself, so that each load
begins as a new process would. When a child ends it says so on that load's pipe, and ends what the child has started.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from .callee import run
from .carry import encode
from .frames import EndedError, Pipe

_TOKEN = re.compile(rb"[0-9a-f]{32}")
_PIECE = 4096


class Load:
    """One load: its child, and this process's own ends of its pipes."""

    def __init__(self, pid: int, reader: int, writer: int) -> None:
        self.pid, self.reader, self.writer = pid, reader, writer


class Keeper:
    """The loads of one jail.

    Args:
        link: Folder of the link.
        target: Path of the target.
        message_bytes: The most that one message may have.
    """

    def __init__(self, link: str, target: str, message_bytes: int) -> None:
        self.link, self.target, self.message_bytes = link, target, message_bytes
        self.loads: dict[int, Load] = {}
        self.calls = os.open(f"{link}/calls", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.woken, waker = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(waker)
        self.waker = waker

    def keep(self) -> NoReturn:
        """Begin loads and end them, until this process is killed."""
        poll = select.poll()
        poll.register(self.calls, select.POLLIN)
        poll.register(self.woken, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self.calls:
                    for reader in self.begin():
                        # Nothing is read from it here; what is waited for is that nobody writes any more.
                        poll.register(reader, 0)
                elif descriptor != self.woken:
                    poll.unregister(descriptor)
                    self.end(self.loads[descriptor])
            for reader in self.reap():
                with suppress(KeyError):
                    poll.unregister(reader)
                os.close(reader)

    def begin(self) -> list[int]:
        """Fork a child for each load that is asked for; returns what to watch."""
        with suppress(BlockingIOError):
            lines = os.read(self.calls, _PIECE).split(b"\n")
            return [reader for line in lines if _TOKEN.fullmatch(line) for reader in self.fork(line.decode())]
        return []

    def fork(self, token: str) -> list[int]:
        """Fork the child of one load; empty where the evaluator has gone already."""
        path = f"{self.link}/{token}"
        try:
            reader = os.open(f"{path}.to", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return []
        try:
            writer = os.open(f"{path}.from", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            os.close(reader)
            return []
        pid = os.fork()
        if pid == 0:
            self.child(path, reader, writer)
        self.loads[reader] = Load(pid, reader, writer)
        return [reader]

    def child(self, path: str, reader: int, writer: int) -> NoReturn:
        """Serve one load and end."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for descriptor in (self.calls, self.woken, self.waker, *self.loads):
            os.close(descriptor)
        for load in self.loads.values():
            os.close(load.writer)

        def become(pipe: Pipe, words: list[str]) -> None:
            ends = [os.open(f"{path}.in", os.O_RDONLY | os.O_NONBLOCK)]
            ends += [os.open(f"{path}.{ending}", os.O_WRONLY) for ending in ("out", "err")]
            os.set_blocking(ends[0], True)
            nothing: list[str] = []
            pipe.send(encode(("ready", nothing), lambda _value: None))
            pipe.receive()
            for number, end in enumerate(ends):
                os.dup2(end, number)
            os.execv(sys.executable, [sys.executable, "-B", self.target, *words])  # noqa: S606 - no shell is wanted

        with suppress(EndedError, TimeoutError):
            run(Pipe(reader, writer, self.message_bytes), self.target, become)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def end(self, load: Load) -> None:
        """End a load of which nobody asks anything any more."""
        with suppress(ProcessLookupError):
            os.kill(load.pid, signal.SIGKILL)

    def reap(self) -> list[int]:
        """Say of each child that has died that it has; returns the descriptors that are no longer needed."""
        with suppress(BlockingIOError):
            os.read(self.woken, _PIECE)
        gone: list[int] = []
        for load in list(self.loads.values()):
            if os.waitid(os.P_PID, load.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            # As long as it is not waited for, its number is its own.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(load.pid, signal.SIGKILL)
            _, status = os.waitpid(load.pid, 0)
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            with suppress(EndedError, TimeoutError):
                Pipe(load.reader, load.writer, self.message_bytes).send(encode(("ended", code), lambda _value: None), 0)
            os.close(load.writer)
            gone.append(self.loads.pop(load.reader).reader)
        return gone


def main(link: str, target: str, message_bytes: int) -> NoReturn:
    """Keep the jail of one target.

    Args:
        link: Folder of the link.
        target: Path of the target; its folder is put on the import path.
        message_bytes: The most that one message may have.
    """
    sys.path[:] = [os.path.dirname(target), *(entry for entry in sys.path if entry)]
    Keeper(link, target, message_bytes).keep()
