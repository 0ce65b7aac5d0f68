"""How a client starts the server of a session: the console script by its absolute path, and the same state folder.

Codex hands almost nothing of its environment to a server, so what the server needs is named: where the state lies as
values, and the rest (such as what the contract lets through to trials) by name alone, because values on a command
line can be read by every user of the machine.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...session.contract import Contract
from ...session.places import state_root
from .base import Server

NAME = "referee"
CALL_SECONDS = 7200  # far beyond what a call waits before it answers "running"
START_SECONDS = 30

USEFUL = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "USER",
    "LOGNAME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "VIRTUAL_ENV",
)


def server_of(repo: Path, tag: str, contract: Contract) -> Server:
    """The server of one session of a project."""
    command = (*script(), "serve", "--repo", str(repo.resolve()), "--tag", tag)
    env = {"REFEREE_STATE_DIR": str(state_root()), "HOME": str(Path.home())}
    wanted = dict.fromkeys((*USEFUL, *contract.sandbox.env, *contract.evaluate.secrets))
    return Server(command, env, tuple(name for name in wanted if name in os.environ and name not in env))


def script() -> tuple[str, ...]:
    """The console script that was installed with this interpreter, else the interpreter with our module."""
    script = Path(sys.executable).with_name("referee")
    if os.access(script, os.X_OK):
        return (str(script),)
    return (sys.executable, "-m", "referee")


def table(server: Server, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The entry in the form that most clients read, without its name."""
    entry: dict[str, Any] = {"type": "stdio", "command": server.command[0], "args": list(server.command[1:])}
    return entry | ({"env": dict(server.env)} if server.env else {}) | dict(more or {})


def generic(server: Server, more: Mapping[str, Any] | None = None) -> bytes:
    """The whole file of most clients: `{"mcpServers": {...}}`."""
    return json.dumps({"mcpServers": {NAME: table(server, more)}}, indent=2).encode() + b"\n"
