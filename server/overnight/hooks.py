"""The person's own commands, told of every trial and of the end: `--on-trial` and `--on-end`.

Guarantee: they run one after another without a shell, with JSON on standard input, for a minute at most; whatever they
do, the night goes on. A fault is said once for each command. What they print goes to `agent/hooks.log`.
"""

import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..clients.errors import ClientError

_MOST_SECONDS = 60.0
_TICK = 0.02


def words_of(flag: str, text: str | None) -> tuple[str, ...]:
    """The words of a command line.

    Raises:
        ClientError: If its quotes do not match.
    """
    try:
        return tuple(shlex.split(text or ""))
    except ValueError as fault:
        raise ClientError(f"{flag} {text!r}: {fault}. Quote it as for a shell.") from None


class Hooks:
    """Commands that wait for their turn, and the one that runs.

    Args:
        folder: Where the night started; they run there.
        log: What they print is added to it.
        say: Gets a sentence for the first fault of each command.
    """

    def __init__(self, folder: Path, log: Path, say: Callable[[str], None], seconds: float = _MOST_SECONDS) -> None:
        self._folder, self._log, self._say, self._seconds = folder, log, say, seconds
        self._waiting: deque[tuple[tuple[str, ...], bytes]] = deque()
        self._running: subprocess.Popen[bytes] | None = None
        self._words: tuple[str, ...] = ()
        self._limit = 0.0
        self._faulty: set[tuple[str, ...]] = set()

    def tell(self, words: tuple[str, ...], facts: Mapping[str, Any]) -> None:
        """Have a command told; no command is fine."""
        if words:
            self._waiting.append((words, json.dumps(facts).encode() + b"\n"))
            self.step()

    def step(self) -> None:
        """Look after the one that runs, and start the next; it does not wait."""
        if self._running is not None:
            self._attend(self._running)
        while self._running is None and self._waiting:
            self._start(*self._waiting.popleft())

    def finish(self) -> None:
        """Wait until the one that runs has ended, and for all others within the same time together."""
        limit = time.monotonic() + self._seconds
        while self._running is not None:
            self.step()
            if time.monotonic() > limit and self._waiting:
                self._fault(self._waiting[0][0], f"{len(self._waiting)} calls were not made, for want of time")
                self._waiting.clear()
            time.sleep(_TICK)

    def _start(self, words: tuple[str, ...], given: bytes) -> None:
        self._words, self._limit = words, time.monotonic() + self._seconds
        try:
            with tempfile.TemporaryFile() as file, open(self._log, "ab", opener=_private) as log:
                file.write(given)
                file.seek(0)
                self._running = subprocess.Popen(
                    words, stdin=file, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
                )
        except OSError as fault:
            self._fault(words, f"cannot be started ({fault.strerror})")

    def _attend(self, running: "subprocess.Popen[bytes]") -> None:
        late = time.monotonic() > self._limit
        status = running.poll()
        if status is None and not late:
            return
        with suppress(ProcessLookupError):  # also what it left behind
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        self._running = None
        if status != 0:
            self._fault(self._words, f"took longer than {self._seconds:g} s" if late else f"exited with {status}")

    def _fault(self, words: tuple[str, ...], said: str) -> None:
        if words not in self._faulty:
            self._faulty.add(words)
            self._say(f"{shlex.join(words)} {said}; further faults of it are not said. See {self._log}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
