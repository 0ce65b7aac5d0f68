"""Codex. Its configuration keys and its `exec --json` output were measured with version 0.169.0.

Everything is given as overrides on the command line, so that the person's own `~/.codex` keeps its login, model and
provider. An override cannot name a server with a dot in it, but one table of all servers can, and it is merged.
"""

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...session.shapes import is_list, is_table
from . import entry, find
from .base import Launch, Lock, Server, Told
from .reading import end, events, text

_INSTALL = "npm install -g @openai/codex"
# Switched off one by one; names that a version does not know are ignored by it.
_NATIVE = (
    "shell_tool",
    "unified_exec",
    "view_image",
    "multi_agent",
    "multi_agent_v2",
    "goals",
    "apps",
    "plugins",
    "image_generation",
    "browser_use",
    "browser_use_external",
    "computer_use",
    "in_app_browser",
    "tool_suggest",
    "skill_search",
    "sleep_tool",  # a model could sleep the whole night with it
)


@dataclass(frozen=True, slots=True)
class Codex:
    """The client `codex`."""

    name: str = "codex"
    accounts: bool = False
    suffix: str = ".jsonl"
    greeting: str = ""

    def program(self) -> str:
        """The absolute path of `codex`."""
        return find.program("codex", _INSTALL)

    def files(self, launch: Launch) -> Mapping[str, bytes]:
        """None: overrides stand on the command line."""
        del launch
        return {}

    def environment(self, launch: Launch) -> Mapping[str, str]:
        """Nothing: login and provider are the person's."""
        del launch
        return {}

    def interactive(self, launch: Launch, prompt: str) -> list[str]:
        """Without its shared background process, which would keep what another start configured."""
        return [self.program(), "--no-daemon", *_switches(launch), *launch.more, prompt]

    def headless(self, launch: Launch, prompt: str) -> list[str]:
        """The events of the run go to standard output, one JSON object a line."""
        words = [self.program(), "exec", "--json", "--skip-git-repo-check"]
        return [*words, *_switches(launch), *launch.more, prompt]

    def given(self, prompt: str) -> bytes:
        """Nothing: the prompt is an argument."""
        del prompt
        return b""

    def told(self, output: Iterable[str], errors: str) -> Told:
        """Faults, from `error` and `turn.failed` events; dollars are never told."""
        found = list(events(output))
        failed, complaints, last = False, [] if found else [errors], ""
        for event in found:
            item = event.get("item")
            if is_table(item) and item.get("type") == "agent_message":
                last = text(item.get("text")) or last
            if event.get("type") in {"error", "turn.failed"}:
                failed = event.get("type") == "turn.failed" or failed
                complaints.append(last := _fault(event))
            elif event.get("type") == "turn.completed":
                failed, complaints = False, []
        return Told(None, failed, tuple(filter(None, complaints)), end(errors, last))


def _fault(event: Mapping[str, Any]) -> str:
    error = event.get("error")
    return text(error.get("message")) if is_table(error) else text(event.get("message"))


def _switches(launch: Launch) -> list[str]:
    chosen: dict[str, Any] = {}
    servers: dict[str, Any] = {entry.NAME: table(launch.server) | {"enabled": True}}
    if launch.lock is not Lock.OFF:
        web = "live" if launch.lock is Lock.WEB else "disabled"
        chosen |= {"approval_policy": "never", "sandbox_mode": "read-only", "web_search": web}
        chosen |= {f"features.{name}": False for name in _NATIVE}
        chosen["agents.enabled"] = False  # a model's own catalog entry outweighs the features for sub-agents
        servers = {name: {"enabled": False} for name in _others(launch.repo)} | servers
    chosen["mcp_servers"] = servers
    words = [word for key, value in chosen.items() for word in ("-c", f"{key}={toml(value)}")]
    return [*words, *(["--model", launch.model] if launch.model else [])]


def table(server: Server, seconds: int = entry.CALL_SECONDS) -> dict[str, Any]:
    """The server's entry; a call may take so many seconds."""
    return {
        "command": server.command[0],
        "args": list(server.command[1:]),
        **({"env": dict(server.env)} if server.env else {}),
        "env_vars": list(server.inherited),
        "required": True,  # one that is not ready within a second would be left out without a word
        "startup_timeout_sec": entry.START_SECONDS,
        "tool_timeout_sec": seconds,
        "default_tools_approval_mode": "approve",
    }


def _others(repo: Path) -> list[str]:
    """Names of servers that the person or the project configured."""
    home = Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex")
    layers = [home, *(folder / ".codex" for folder in (repo.resolve(), *repo.resolve().parents))]
    found = [name for layer in layers for name in _named(layer / "config.toml")]
    return sorted(set(found) - {entry.NAME})


def _named(path: Path) -> list[str]:
    try:
        servers = tomllib.loads(path.read_text(encoding="utf-8")).get("mcp_servers")
    except (OSError, ValueError):  # no file, or one that Codex will complain about itself
        return []
    return list(servers) if is_table(servers) else []


def toml(value: Any) -> str:
    """A value as TOML on one line; a JSON string is a TOML one, but for characters above 65535 and for DEL."""
    if is_table(value):
        return "{" + ",".join(f"{toml(name)}={toml(inner)}" for name, inner in value.items()) + "}"
    if is_list(value):
        return "[" + ",".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
