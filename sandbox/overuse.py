"""The target of the trials that probe limits: goes beyond one limit, and then waits to be ended for it.

Nothing imports it: its text runs inside, perhaps in an older Python than Referee's. Its argument is a JSON object:
`what` (a name in `WAYS`), `amount`, `seconds` (to compute and then to wait, for at most) and `token` (on a survivor's
command line). It prints `refused: 1` if the kernel did not let it, `refused: 0` if it did; it ends by itself, whatever
limits there are.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

TOLD: dict[str, Any] = json.loads(sys.argv[1])
AMOUNT: int = TOLD["amount"]
END = time.monotonic() + TOLD["seconds"]
PIECE = b"x" * 1_000_000
TEMPORARY = os.environ.get("TMPDIR", ".")
KEPT: list[object] = []

DAEMON = "import os, sys, time; os.write(1, b'x'); os.close(1); time.sleep(float(sys.argv[1]))"


def write(descriptor: int) -> None:
    """Write the amount, in bytes that occupy space."""
    for _ in range(AMOUNT // len(PIECE)):
        os.write(descriptor, PIECE)


def opened(path: str) -> int:
    """Make a file."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def hide() -> None:
    """Let no process of the same user see what this one holds (PR_SET_DUMPABLE), as far as this Python can."""
    with suppress(ImportError):
        import ctypes  # noqa: PLC0415 - a minimal Python comes without it

        ctypes.CDLL(None).prctl(4, ctypes.c_ulong(0), *[ctypes.c_ulong(0)] * 3)


def memory() -> None:
    """Take memory of its own."""
    KEPT.extend(bytearray(PIECE) for _ in range(AMOUNT // len(PIECE)))


def memory_file() -> None:
    """Take memory as a file without a name."""
    hide()
    write(os.memfd_create("x"))


def processes() -> None:
    """Have many children at one time."""
    for _ in range(AMOUNT):
        if os.fork() == 0:
            wait()
            os._exit(0)


def processor_time() -> None:
    """Compute in two processes, neither of which does all of it."""
    os.fork()
    while time.monotonic() < END:
        pass


def disk() -> None:
    """Fill a file in the working folder."""
    write(opened("filled"))


def unnamed() -> None:
    """Fill a file that has no name any more."""
    hide()
    descriptor = opened(f"{TEMPORARY}/unnamed")
    os.unlink(f"{TEMPORARY}/unnamed")
    write(descriptor)


def files() -> None:
    """Make many files."""
    for number in range(AMOUNT):
        os.close(opened(f"{TEMPORARY}/{number}"))


def open_files() -> None:
    """Have many files open."""
    for _ in range(AMOUNT):
        os.open(os.devnull, os.O_RDONLY)


def output() -> None:
    """Print a lot."""
    write(1)


def deaf() -> None:
    """Ignore every signal that can be ignored."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)


def survivor() -> None:
    """Leave a daemon: a grandchild in a session of its own, deaf, with no descriptor but the pipe that tells of it."""
    ready, told = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            deaf()
            os.dup2(told, 1)
            os.closerange(2, 256)
            os.close(0)
            words = [sys.executable, "-I", "-S", "-c", DAEMON, str(TOLD["seconds"]), TOLD["token"]]
            os.execv(sys.executable, words)  # noqa: S606 - no shell is wanted
        os._exit(0)
    os.close(told)
    os.wait()
    if not os.read(ready, 1):
        raise ChildProcessError


def end() -> None:
    """Wait for nothing."""


def wait() -> None:
    """Wait to be ended, for long enough after the attack, however long that took."""
    time.sleep(TOLD["seconds"])


WAYS: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
    "memory": (memory, wait),
    "memory file": (memory_file, wait),
    "processes": (processes, wait),
    "processor time": (processor_time, wait),
    "disk": (disk, wait),
    "unnamed": (unnamed, wait),
    "files": (files, wait),
    "open files": (open_files, wait),
    "time": (deaf, wait),
    "output": (output, wait),
    "survivor": (survivor, end),
}

attack, after = WAYS[TOLD["what"]]
try:
    attack()
except (OSError, MemoryError):
    print("refused: 1", flush=True)  # noqa: T201 - metrics are read from standard output
else:
    print("refused: 0", flush=True)  # noqa: T201 - likewise
after()
