"""What each client's files must hold, so that it starts the server, waits for it, and asks for no approval.

Nothing here denies a client any of its own tools: a session in the project that is no research keeps them all.
Formats: `.mcp.json` and `.claude/settings*.json` as Claude Code 2.1.329 reads them, `.codex/config.toml` as Codex
0.169.0 does in a trusted project.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...session.contract import Contract
from ..clients import claude, codex, entry
from ..clients.base import Server
from . import json_text, toml_text
from .items import Format, Item

CLIENTS = ("claude", "codex", "generic")
_MARGIN = 600  # seconds for preparing and judging
_STATE = ("REFEREE_STATE_DIR",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file: its path within the project, how its text is changed, and what it must hold."""

    path: str
    format: Format
    items: tuple[Item, ...]


def server_of(folder: Path, contract: Contract | None, *, portable: bool) -> Server:
    """The server of whatever session is the latest; variables go by name alone, because the file may be shared."""
    words = ("referee", "serve", "--repo", ".") if portable else (*entry.script(), "serve", "--repo", str(folder))
    more = (*contract.sandbox.env, *contract.evaluate.secrets) if contract else ()
    return Server(words, {}, tuple(dict.fromkeys((*_STATE, *entry.USEFUL, *more))))


def call_seconds(contract: Contract | None) -> int:
    """What a call may take: never less than all runs of a trial together."""
    longest = contract.evaluate.longest if contract else 0.0
    return max(entry.CALL_SECONDS, math.ceil(longest) + _MARGIN)


def files(client: str, server: Server, seconds: int, *, portable: bool, into: str) -> list[Wanted]:
    """The files of a client; `into` is the one of a client that Referee does not know."""
    made: dict[str, Callable[[], list[Wanted]]] = {
        "claude": lambda: _claude(server, seconds, portable=portable),
        "codex": lambda: [_codex(server, seconds)],
        "generic": lambda: [_generic(server, into)] if into else [],
    }
    return made[client]()


def _claude(server: Server, seconds: int, *, portable: bool) -> list[Wanted]:
    shared = Item(("mcpServers", entry.NAME), entry.table(server, claude.shown(seconds)))
    settings = f".claude/{'settings' if portable else 'settings.local'}.json"
    approved = (
        Item(("enabledMcpjsonServers",), entry.NAME, listed=True),
        Item(("permissions", "allow"), claude.OURS, listed=True),
    )
    return [Wanted(".mcp.json", json_text, (shared,)), Wanted(settings, json_text, approved)]


def _codex(server: Server, seconds: int) -> Wanted:
    item = Item(("mcp_servers", entry.NAME), codex.table(server, seconds))
    return Wanted(".codex/config.toml", toml_text, (item,))


def _generic(server: Server, into: str) -> Wanted:
    servers = "servers" if into.endswith(".vscode/mcp.json") else "mcpServers"
    return Wanted(into, json_text, (Item((servers, entry.NAME), entry.table(server)),))
