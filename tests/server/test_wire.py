"""What comes over the wire, or no longer comes: no message, too large a one, a signal, a client that is gone."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.sessions import Held, kinds, rows, running

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}


class Wire:
    """A server and its two pipes."""

    def __init__(self, project: Path) -> None:
        words = [sys.executable, "-m", "referee", "serve", "--repo", str(project)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
        self._last = 0
        self.ask("initialize", HELLO)
        self.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')

    def write(self, data: bytes) -> None:
        """Send bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, method: str, params: Any) -> int:
        """Send a request and return its id."""
        self._last += 1
        message = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}
        self.write(json.dumps(message).encode() + b"\n")
        return self._last

    def ask(self, method: str, params: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        number = self.send(method, params)
        assert self.process.stdout is not None
        while True:
            message: dict[str, Any] = json.loads(self.process.stdout.readline())
            if message.get("id") == number:
                return message

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its result."""
        result: dict[str, Any] = self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
        return result


@pytest.fixture
def wire(project: Path) -> Generator[Wire]:
    """A server of the project, whose session has its baseline."""
    server = Wire(project)
    server.call("run_eval", description="baseline")
    try:
        yield server
    finally:
        server.process.kill()
        for pipe in (server.process.stdin, server.process.stdout):
            assert pipe is not None
            if not pipe.closed:
                pipe.close()
        server.process.wait(60)


NOISE = {
    "empty": b"\n",
    "text": b"not JSON\n",
    "cut": b'{"jsonrpc": "2.0", "id": 99\n',
    "list": b"[1, 2]\n",
    "notification": b'{"jsonrpc": "2.0", "method": "notifications/of/nobody"}\n',
    "method": b'{"jsonrpc": "2.0", "id": 98, "method": "no/such/method"}\n',
    "params": b'{"jsonrpc": "2.0", "id": 97, "method": "tools/call", "params": {"name": 5}}\n',
    "bytes": b"\xff\xfe\x00\n",
    "deep": b"[" * 100_000 + b"\n",
    "long": b"x" * 10_000_000 + b"\n",
}


def test_what_is_no_message_is_survived(wire: Wire, project: Path) -> None:
    for name, noise in NOISE.items():
        wire.write(noise)
        answer = wire.call("check_budget")
        assert answer["structuredContent"]["budget"]["experiments_spent"] == 0, name
        assert wire.process.poll() is None, name
    assert kinds(project).count("trial_started") == 1


def test_a_call_of_ten_megabytes_is_refused_and_the_next_one_answered(wire: Wire, project: Path) -> None:
    answer = wire.call("edit_target", content="x" * 10_000_000)
    assert answer["isError"]
    assert len(answer["content"][0]["text"]) < 1000
    assert wire.call("run_trial", description="better", content="echo loss: 1\n")["structuredContent"]["trial"] == 1
    assert (project / "results.tsv").stat().st_size < 1000


def _closed(project: Path, held: Held) -> None:
    assert rows(project)[2][3:] == ["crash", "interrupted: slow"]
    assert not running(held.text.partition(";")[0])


@pytest.mark.promise("nothing lost")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_one_signal_ends_a_server_and_its_trial_in_order(wire: Wire, project: Path, number: signal.Signals) -> None:
    held = Held(loss=1)
    wire.call("run_trial", description="slow", content=held.text, wait_seconds=0)
    wire.process.send_signal(number)
    assert wire.process.wait(60) == 0
    _closed(project, held)


@pytest.mark.promise("nothing lost")
def test_a_client_that_hangs_up_in_a_trial_leaves_it_closed(wire: Wire, project: Path) -> None:
    held = Held(loss=1)
    wire.call("run_trial", description="slow", content=held.text, wait_seconds=0)
    assert wire.process.stdin is not None
    wire.process.stdin.close()
    assert wire.process.wait(60) == 0
    _closed(project, held)


@pytest.mark.promise("nothing lost")
def test_a_client_that_no_longer_reads_loses_no_row(wire: Wire, project: Path) -> None:
    """Its answer meets a broken pipe; whatever that does to the server, the next one has it all."""
    assert wire.process.stdout is not None
    wire.process.stdout.close()
    wire.send("tools/call", {"name": "run_trial", "arguments": {"description": "better", "content": "echo loss: 1\n"}})
    wire.process.wait(60)
    other = Wire(project)
    answer = other.call("revert")
    assert other.process.stdin is not None
    other.process.stdin.close()
    other.process.wait(60)
    assert other.process.stdout is not None
    other.process.stdout.close()
    assert not answer.get("isError")
    assert rows(project)[2][3:] == ["keep", "better"]
