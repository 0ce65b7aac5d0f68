"""The seats that a model may sit in: Claude Code, Codex, and Codex in code mode, where it writes JavaScript.

A seat knows how its model spells a call of our tools, what stands before the result that it receives, and which
environment leads its client to a stub.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from referee.server.clients.base import Server
from referee.server.clients.codex import toml
from referee.server.clients.entry import generic

from .stub import Shown, Stub, Use
from .stub_anthropic import Anthropic
from .stub_openai import OpenAI

YIELDED = "yielded"
PRAGMA = '// @exec: {"yield_time_ms": 320000}\n'
_KEY = "sk-ant-api03-dummy-dummy-dummy-dummy-dummy-00000000"
_CODEX = """model = "{model}"
model_provider = "stub"
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "STUB_KEY"
request_max_retries = 0
stream_max_retries = 0
"""


@dataclass(frozen=True, slots=True)
class Seat:
    """One client in one mode.

    Attributes:
        client: The word of `--client`.
        stub: Its model server.
        ours: A call of one of our tools.
        received: The result of a call of ours: its structure, or the text of a refusal.
        prepare: Writes what the client reads in a home of its own, and returns its environment.
        plain: The command line of a person who gave the client nothing but the server and leave to call its tools.
    """

    name: str
    client: str
    stub: Callable[[Sequence[Sequence[Use]]], Stub]
    ours: Callable[[str, dict[str, Any]], Use]
    received: Callable[[Shown], dict[str, Any] | str]
    prepare: Callable[[Path, str], dict[str, str]]
    plain: Callable[[Server], list[str]]

    def call(self, tool: str, **given: Any) -> Use:
        """A call of one of our tools."""
        return self.ours(tool, given)


# --- Claude Code -----------------------------------------------------------------------------------------------------


def _claude_received(shown: Shown) -> dict[str, Any] | str:
    return shown.text if shown.error else dict(json.loads(shown.text))


def _claude_home(home: Path, url: str) -> dict[str, str]:
    seen: dict[str, Any] = {"hasCompletedOnboarding": True, "theme": "dark"}
    seen["customApiKeyResponses"] = {"approved": [_KEY[-20:]], "rejected": []}
    (home / ".claude.json").write_text(json.dumps(seen), encoding="utf-8")
    quiet = dict.fromkeys(["DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING"], "1")
    quiet["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
    return quiet | {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": _KEY}


def _claude_plain(server: Server) -> list[str]:
    entry = generic(server).decode()
    words = ["claude", "-p", "go", "--mcp-config", entry, "--strict-mcp-config", "--tools", ""]
    return [*words, "--allowedTools", "mcp__referee__*"]


CLAUDE = Seat(
    "claude",
    "claude",
    Anthropic,
    lambda tool, given: Use(f"mcp__referee__{tool}", given),
    _claude_received,
    _claude_home,
    _claude_plain,
)

# --- Codex -----------------------------------------------------------------------------------------------------------


def _codex_received(shown: Shown) -> dict[str, Any] | str:
    _, _, output = shown.text.partition("Output:\n")
    return dict(json.loads(output)) if output.startswith("{") else output


def _codex_home(model: str) -> Callable[[Path, str], dict[str, str]]:
    def prepare(home: Path, url: str) -> dict[str, str]:
        folder = home / "codex"
        folder.mkdir()
        (folder / "config.toml").write_text(_CODEX.format(model=model, url=url), encoding="utf-8")
        return {"CODEX_HOME": str(folder), "STUB_KEY": "dummy"}

    return prepare


def _codex_plain(server: Server) -> list[str]:
    entry: dict[str, Any] = {"command": server.command[0], "args": list(server.command[1:]), "env": dict(server.env)}
    entry |= {"env_vars": list(server.inherited), "required": True}  # or a slow machine would lose it in the first turn
    return ["codex", "exec", "--json", "--skip-git-repo-check", "-c", f"mcp_servers.referee={toml(entry)}", "go"]


CODEX = Seat(
    "codex",
    "codex",
    OpenAI,
    lambda tool, given: Use(tool, given, "mcp__referee"),
    _codex_received,
    _codex_home("stub-model"),
    _codex_plain,
)


def cell(tool: str, given: dict[str, Any], pragma: str = PRAGMA) -> Use:
    """A cell of JavaScript that calls one of our tools, begun as our instructions say."""
    return Use("exec", f"{pragma}text(await tools.mcp__referee__{tool}({json.dumps(given)}))", "functions")


def _cell_received(shown: Shown) -> dict[str, Any] | str:
    if shown.text.startswith("Script running"):
        return YIELDED
    _, _, output = shown.text.partition("Output:\n")
    result = json.loads(output[output.index("{") :])
    return str(result["content"][0]["text"]) if result.get("isError") else dict(result["structuredContent"])


CODE_MODE = Seat("code mode", "codex", OpenAI, cell, _cell_received, _codex_home("gpt-6.1-sol"), _codex_plain)

SEATS = {seat.name: seat for seat in (CLAUDE, CODEX, CODE_MODE)}
