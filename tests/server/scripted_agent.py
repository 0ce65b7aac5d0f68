"""An agent that follows a script, for `referee overnight -- python scripted_agent.py SCRIPT`.

It speaks MCP over standard input and output with the server that `REFEREE_SERVER` names, and needs nothing but Python.
The script is a JSON list of runs, each a list of steps; a run that the list does not have repeats the last one. Steps:

    {"trials": N, "loss": X}  N trials, each with a text of its own, that print this loss (default: ever smaller)
    {"endless": true}  a trial that never ends by itself
    {"call": TOOL, "with": {}}  any other call
    {"say": TEXT}  {"complain": TEXT}  a line on standard output, on standard error
    {"exit": N}  {"kill": true}  end, with a status or by SIGKILL
    {"wait": FILE}  wait until a file is there, which may be never
    {"spawn": MARK}  leave a process behind, in a session of its own, that ignores all signals but SIGKILL
    {"deaf": true}  ignore SIGINT and SIGTERM from now on
    {"until_refused": true}  trials until one is refused; then ten more, whatever is said

Everything that happens is added to `SCRIPT.log`, one JSON object a line.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_TICK = 0.01
_GOES_ON = 10
_IDLE = "import signal,time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\nwhile True: time.sleep(1000) # {}"


def server() -> tuple[list[str], dict[str, str]]:
    """The server's command line and environment: by `REFEREE_SERVER`, else by `--mcp-config` as Claude Code has it."""
    if said := os.environ.get("REFEREE_SERVER"):
        return shlex.split(said), dict(os.environ)
    file = Path(sys.argv[sys.argv.index("--mcp-config") + 1])
    entry = json.loads(file.read_text(encoding="utf-8"))["mcpServers"]["referee"]
    return [entry["command"], *entry["args"]], dict(os.environ) | entry["env"]


class Client:
    """One connection with the server."""

    def __init__(self) -> None:
        words, env = server()
        self.process = subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.number = 0
        info = {"name": "scripted", "version": "0"}
        self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=info)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        """Write one message."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = json.loads(line)
            if found.get("id") == self.number:
                result: dict[str, Any] = found["result"]
                return result
        raise SystemExit("the server has gone")

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, and note what came of it."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        text = result["content"][0]["text"]
        log(tool=tool, refused=bool(result.get("isError")), text=text[:2000])
        return {"refused": bool(result.get("isError")), "text": text}


def log(**facts: Any) -> None:
    """Add a line to the log."""
    with Path(f"{sys.argv[1]}.log").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"pid": os.getpid(), **facts}) + "\n")


class Agent:
    """One run."""

    def __init__(self) -> None:
        self.client: Client | None = None

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool of a server that is started for the first call."""
        self.client = self.client or Client()
        return self.client.call(tool, **arguments)

    def trial(self, loss: float | None) -> bool:
        """Try one idea; whether it was tried."""
        idea = time.time_ns()
        content = f"echo loss: {3 - idea / 1e19 if loss is None else loss}\n# {idea}\n"
        return not self.call("run_trial", description=f"idea {idea}", content=content)["refused"]

    def step(self, step: dict[str, Any]) -> None:
        """Do one thing."""
        (kind, value), *_ = step.items()
        getattr(self, f"do_{kind}")(value, step)

    def do_trials(self, value: int, step: dict[str, Any]) -> None:
        for _ in range(value):
            self.trial(step.get("loss"))

    def do_until_refused(self, _: object, __: object) -> None:
        while self.trial(None):
            pass
        for _ in range(_GOES_ON):
            self.trial(None)

    def do_endless(self, _: object, __: object) -> None:
        self.call("run_trial", description="endless", content="sleep 100000\n")

    def do_call(self, value: str, step: dict[str, Any]) -> None:
        self.call(value, **step.get("with", {}))

    def do_say(self, value: str, _: object) -> None:
        sys.stdout.write(f"{value}\n")
        sys.stdout.flush()

    def do_complain(self, value: str, _: object) -> None:
        sys.stderr.write(f"{value}\n")
        sys.stderr.flush()

    def do_exit(self, value: int, _: object) -> None:
        raise SystemExit(value)

    def do_kill(self, _: object, __: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_wait(self, value: str, _: object) -> None:
        while not Path(value).exists():
            time.sleep(_TICK)

    def do_deaf(self, _: object, __: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def do_spawn(self, value: str, _: object) -> None:
        words = [sys.executable, "-c", _IDLE.format(value)]
        subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)


def main() -> None:
    """Follow the script's next run."""
    script = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    log_file = Path(f"{sys.argv[1]}.log")
    runs = log_file.read_text(encoding="utf-8").count('"run":') if log_file.exists() else 0
    log(run=runs, prompt=sys.stdin.read(), args=sys.argv[2:], tag=os.environ.get("REFEREE_TAG"))
    agent = Agent()
    for step in script[min(runs, len(script) - 1)]:
        agent.step(step)


if __name__ == "__main__":
    main()
