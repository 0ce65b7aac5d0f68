"""How long a server takes to end: input closed, SIGINT, SIGTERM; idle, and with a trial that runs.

Prints median and highest milliseconds from the event until the process is gone; 300 are promised. What a server must
have saved by then, and that nothing of the trial survives, is tested in tests/server/test_wire.py. Run with
`python benchmarks/end.py [rounds]`; figures mean something on a quiet machine only.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from start import HELLO, project

ROUNDS = 10
PROMISED = 300.0
WAYS: dict[str, Callable[["subprocess.Popen[bytes]"], None]] = {
    "end of input": lambda server: server.stdin.close() if server.stdin else None,
    "SIGINT": lambda server: server.send_signal(signal.SIGINT),
    "SIGTERM": lambda server: server.send_signal(signal.SIGTERM),
}
SLOW = {"description": "slow", "content": "sleep 3000; echo loss: 1\n", "wait_seconds": 0}


def ask(server: "subprocess.Popen[bytes]", message: dict[str, Any]) -> None:
    """Send a request and read until its answer."""
    if server.stdin is None or server.stdout is None:
        raise SystemExit("no pipes")
    server.stdin.write(json.dumps(message).encode() + b"\n")
    server.stdin.flush()
    while json.loads(server.stdout.readline()).get("id") != message["id"]:
        pass


def end(place: Path, way: str, tool: str, arguments: dict[str, Any]) -> float:
    """Start a server, make one call, end it; return the milliseconds that ending took."""
    words = [str(Path(sys.executable).with_name("referee-mcp")), "--repo", str(place)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        ask(server, HELLO)
        params = {"name": tool, "arguments": arguments}
        ask(server, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params})
        started = time.perf_counter()
        WAYS[way](server)
        if server.wait(60) != 0:
            raise SystemExit(f"{way}: exit code {server.returncode}")
        return (time.perf_counter() - started) * 1000


def main(rounds: int) -> None:
    """Measure every way, idle and in a trial, in turns."""
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="referee-benchmark-") as folder:
        os.environ["REFEREE_STATE_DIR"] = f"{folder}/state"
        place = project(Path(folder))
        end(place, "SIGTERM", "run_eval", {"description": "baseline"})
        for _ in range(rounds):
            for way in WAYS:
                times.setdefault(f"{way}, idle", []).append(end(place, way, "check_budget", {}))
                times.setdefault(f"{way}, in a trial", []).append(end(place, way, "run_trial", SLOW))
    for name, taken in times.items():
        print(f"{name}: median {statistics.median(taken):.0f} ms, most {max(taken):.0f} ms; promised {PROMISED:g}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
