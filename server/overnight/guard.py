"""One run of a client, kept by a process of its own that outlives nobody.

Guarantee: when the keeper has told how the client ended, no descendant of it is left. When the night is killed, even
by SIGKILL, the keeper kills everything and ends; when the keeper is killed, the kernel kills the client, and the night
adopts and kills the rest.
Edge: if both are killed at once, only the client is sure to die; a server of ours ends by itself when its client has.

The keeper is a fork, because it must be there before the client and needs nothing that the night has not loaded.
"""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from ...sandbox.errors import SandboxError
from ...sandbox.kernel import become_subreaper, die_with_parent
from ...sandbox.process import children, kill_all

END = b"e"
_TICK = 0.05
_ROUND = 30.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Started:
    """What is to be run: words, environment, folder, and open descriptors for its three streams.

    `polite` are the seconds between SIGINT and SIGTERM, between SIGTERM and SIGKILL, and for what the client started to
    end by itself once the client has.
    """

    words: list[str]
    env: dict[str, str]
    folder: str
    streams: tuple[int, int, int]
    polite: float


def keep(started: Started, orders: int, news: int) -> NoReturn:
    """Run the client to its end in this process, which must be a fresh fork.

    Args:
        started: The client.
        orders: Reading end: `END` asks for the client's end, and its closing for everybody's at once.
        news: Writing end: gets `pid N`, then the exit status, or `fault TEXT`, a line each.
    """
    status = 1
    try:
        os.setsid()
        become_subreaper()
        for number in _SIGNALS:  # of a terminal or a shell; the night decides, and tells
            signal.signal(number, _deaf)
        status = _kept(started, orders, news)
    finally:
        os._exit(status)


def _deaf(_: int, __: object) -> None:
    """Ignored here, but at its default in what is executed."""


def _kept(started: Started, orders: int, news: int) -> int:
    given, output, errors = started.streams
    keeper = os.getpid()
    try:
        client = subprocess.Popen(
            started.words,
            env=started.env,
            cwd=started.folder,
            stdin=given,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            preexec_fn=lambda: _die_with(keeper),  # noqa: PLW1509 - this process has one thread
        )
    except OSError as fault:
        _tell(news, f"fault {started.words[0]}: {fault.strerror}")
        return 1
    _tell(news, f"pid {client.pid}")
    if not _watch(client, orders, started.polite):
        _wait(lambda: not _collected(), started.polite)
    with contextlib.suppress(SandboxError):  # what cannot be killed is in the kernel; the next run must not wait
        kill_all()
    _tell(news, f"status {client.returncode}")
    return 0


def _die_with(keeper: int) -> None:
    die_with_parent(signal.SIGKILL)
    if os.getppid() != keeper:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(client: "subprocess.Popen[bytes]", orders: int, polite: float) -> bool:
    """Wait for the client's end, or bring it about; True if there is nobody left to wait for."""
    exited = os.pidfd_open(client.pid)
    ready: list[int] = []
    while not ready:
        ready, _, _ = select.select([exited, orders], [], [], _ROUND)
        _collected(but=client.pid)
    os.close(exited)
    if orders in ready:
        if not os.read(orders, 1):
            _signal(client, signal.SIGKILL)
            client.wait()
            return True
        _end(client, polite)
    client.wait()
    return False


def _end(client: "subprocess.Popen[bytes]", polite: float) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        _signal(client, number)
        if _wait(lambda: client.poll() is not None, polite):
            return
    _signal(client, signal.SIGKILL)


def _signal(client: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(client.pid, number)


def _collected(but: int = 0) -> list[int]:
    """Collect what has ended among the orphans that came here, and return the children that live."""
    living = [child for child in children() if child != but]
    return [child for child in living if os.waitpid(child, os.WNOHANG) == (0, 0)]


def _wait(true: Callable[[], bool], seconds: float) -> bool:
    """Wait a bounded time until something is true."""
    limit = time.monotonic() + seconds
    while not true():
        if time.monotonic() > limit:
            return False
        time.sleep(_TICK)
    return True


def _tell(news: int, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(news, f"{line}\n".encode(errors="replace"))
