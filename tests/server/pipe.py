"""A server process at the end of two pipes, spoken to in bytes, in either era of the protocol."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY

ERAS = ("2025-06-18", "2026-07-28")
ABOUT = {"name": "pipe", "version": "1"}
PATIENCE = 60.0


class Pipe:
    """A server of a project and its pipes; every line that it writes must be a JSON-RPC message."""

    def __init__(self, project: Path, era: str, noise: Path) -> None:
        self._envelope: dict[str, Any] = {}
        words = [sys.executable, "-m", "referee", "serve", "--repo", str(project)]
        with noise.open("wb") as errors:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd="/"
            )
        self._last = 10**6
        self._read = b""
        if era == ERAS[0]:
            self.ask("initialize", {"protocolVersion": era, "capabilities": {}, "clientInfo": ABOUT})
            self.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        else:
            self._envelope = {
                PROTOCOL_VERSION_META_KEY: era,
                CLIENT_INFO_META_KEY: ABOUT,
                CLIENT_CAPABILITIES_META_KEY: {},
            }
            self.ask("server/discover", {})

    def write(self, data: bytes) -> None:
        """Send bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def request(self, method: str, params: Mapping[str, Any], number: object) -> dict[str, Any]:
        """A request as this era has it; what `_meta` holds is kept."""
        whole = {**params, "_meta": {**self._envelope, **params.get("_meta", {})}}
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": whole}

    def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return its answer, which must come."""
        return self.heard(method, params)[-1]

    def heard(self, method: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Send a request and return every message up to its answer, which is the last of them."""
        self._last += 1
        self.write(json.dumps(self.request(method, params, self._last)).encode() + b"\n")
        return self.answer(self._last)

    def call(self, tool: str, arguments: Mapping[str, Any], **meta: Any) -> dict[str, Any]:
        """Call a tool and return the whole answer."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments, "_meta": meta})

    def answer(self, number: object) -> list[dict[str, Any]]:
        """Every message up to the answer to a request, which is the last of them."""
        found: list[dict[str, Any]] = []
        while not found or found[-1].get("id") != number:
            found.append(json.loads(self._line()))
            assert found[-1]["jsonrpc"] == "2.0"
        return found

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        until = time.monotonic() + PATIENCE
        while b"\n" not in self._read:
            ready = select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))[0]
            assert ready, "the server does not answer"
            chunk = os.read(self.process.stdout.fileno(), 1 << 20)
            assert chunk, "the server is gone"
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return line

    def close(self) -> int:
        """Hang up, as a client does that leaves, and return the exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return code


@contextmanager
def piped(project: Path, era: str, noise: Path) -> Generator[Pipe]:
    """A server of a project; `noise` gets what it writes to standard error. It must end in order."""
    pipe = Pipe(project, era, noise)
    try:
        yield pipe
    except BaseException:
        pipe.process.kill()
        pipe.close()
        raise
    assert pipe.close() == 0
