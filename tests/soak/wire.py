"""A real server over standard input and output, spoken to in plain JSON-RPC, that may die in any call."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 90.0  # for one answer: far more than any trial here may take
_PROTOCOL = "2025-06-18"
_CHUNK = 1 << 16


class DiedError(Exception):
    """The server is gone, and with it every answer that it had not given."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call returned: its text, and its facts; `refused` if it did nothing."""

    refused: bool
    text: str
    facts: Mapping[str, Any]


class Server:
    """One server process of a project, started at once.

    Args:
        project: The folder of `program.md`.
        tag: The session.
        noise: The file that its standard error is appended to.
        prefix: Words before the command, such as `prlimit` with its flags.
    """

    def __init__(self, project: Path, tag: str, noise: Path, prefix: tuple[str, ...] = ()) -> None:
        words = [*prefix, sys.executable, "-m", "referee", "serve", "--repo", str(project), "--tag", tag]
        with noise.open("ab") as errors:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd="/"
            )
        self._last = 0
        self._read = b""
        self._answers: dict[int, Answer] = {}

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def dead(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def greet(self) -> None:
        """Do what a client does first.

        Raises:
            DiedError: If the server died meanwhile.
        """
        about = {"protocolVersion": _PROTOCOL, "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
        self.receive(self._ask("initialize", about))
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, tool: str, arguments: Mapping[str, Any]) -> int:
        """Begin a call, and return its number for `receive`."""
        return self._ask("tools/call", {"name": tool, "arguments": dict(arguments)})

    def call(self, tool: str, **arguments: Any) -> Answer:
        """Make one call and wait for its answer."""
        return self.receive(self.send(tool, arguments))

    def receive(self, number: int) -> Answer:
        """Wait for the answer to a call.

        Raises:
            DiedError: If the server ended before it gave one.
            TimeoutError: If it neither answered nor ended.
        """
        limit = time.monotonic() + PATIENCE
        while number not in self._answers:
            self._take(limit - time.monotonic())
        return self._answers.pop(number)

    def _ask(self, method: str, parameters: Mapping[str, Any]) -> int:
        self._last += 1
        self._write({"jsonrpc": "2.0", "id": self._last, "method": method, "params": parameters})
        return self._last

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode("ascii") + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise DiedError from None

    def _take(self, seconds: float) -> None:
        assert self._process.stdout is not None
        stdout = self._process.stdout.fileno()
        if not select.select([stdout], [], [], max(0.0, seconds))[0]:
            raise TimeoutError("the server neither answered nor ended")
        chunk = os.read(stdout, _CHUNK)
        if not chunk:
            raise DiedError
        *lines, self._read = (self._read + chunk).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "method" not in message:
                self._answers[message["id"]] = _answer(message)

    def kill(self) -> None:
        """Kill it with 9, if it lives, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._reap()

    def hang_up(self) -> None:
        """End its input, as a client does that leaves; it ends by itself then."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def end(self) -> None:
        """Hang up, and wait until it has ended by itself."""
        self.hang_up()
        self._reap()

    def _reap(self) -> None:
        self._process.wait(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _answer(message: Mapping[str, Any]) -> Answer:
    if "error" in message:
        return Answer(refused=True, text=str(message["error"].get("message")), facts={})
    result = message["result"]
    text = "\n".join(part.get("text", "") for part in result.get("content", ()))
    return Answer(bool(result.get("isError")), text, result.get("structuredContent") or {})
