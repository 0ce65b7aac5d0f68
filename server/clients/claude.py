"""Claude Code. Its switches and its `stream-json` output were measured with version 2.1.329.

`--tools ""` removes every built-in tool, also from subagents; `--strict-mcp-config` ignores every other MCP server;
`dontAsk` refuses whatever is not allowed by name, so that nothing waits for a person.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...session.shapes import is_list, is_table
from . import entry, find
from .base import Launch, Lock, Told
from .reading import end, events, text

_INSTALL = "npm install -g @anthropic-ai/claude-code"
_FILE = "claude.mcp.json"
OURS = f"mcp__{entry.NAME}__*"
_WEB = ("WebSearch", "WebFetch")


@dataclass(frozen=True, slots=True)
class Claude:
    """The client `claude`."""

    name: str = "claude"
    accounts: bool = True
    suffix: str = ".jsonl"
    greeting: str = "Type `go` when the client is there; it knows what to do. If it sees no tools yet, type it again."

    def program(self) -> str:
        """The absolute path of `claude`."""
        return find.program("claude", _INSTALL)

    def files(self, launch: Launch) -> Mapping[str, bytes]:
        """One MCP configuration; `timeout` is in milliseconds, `alwaysLoad` shows the tools without a search."""
        return {_FILE: entry.generic(launch.server, shown(entry.CALL_SECONDS))}

    def environment(self, launch: Launch) -> Mapping[str, str]:
        """No call is moved to the background, and no program is replaced in the middle of a night."""
        del launch
        return {"CLAUDE_CODE_MCP_AUTO_BACKGROUND_MS": "0", "DISABLE_AUTOUPDATER": "1"}

    def interactive(self, launch: Launch, prompt: str) -> list[str]:
        """The prompt is added to the system's: at a terminal a first turn begins before any server is there."""
        return [self.program(), "--append-system-prompt", prompt, *_switches(launch), *launch.more]

    def headless(self, launch: Launch, prompt: str) -> list[str]:
        """The events of the run go to standard output, one JSON object a line."""
        # The prompt stands first, because several switches take every word that follows.
        words = [self.program(), "-p", prompt, *_switches(launch), "--output-format", "stream-json", "--verbose"]
        if launch.usd is not None:
            words += ["--max-budget-usd", f"{max(launch.usd, 0.01):.2f}"]
        return [*words, *launch.more]

    def given(self, prompt: str) -> bytes:
        """Nothing: the prompt is an argument."""
        del prompt
        return b""

    def told(self, output: Iterable[str], errors: str) -> Told:
        """Dollars and faults, from the `result` event; a rejected rate limit, from its own event."""
        found = list(events(output))
        usd, failed, complaints, last = None, False, [] if found else [errors], ""
        for event in found:
            last = _said(event) or last
            if event.get("type") == "result":
                usd, failed = _dollars(event.get("total_cost_usd")), bool(event.get("is_error"))
                complaints += [text(event.get("result")), *_texts(event.get("errors"))] if failed else []
            elif event.get("type") == "rate_limit_event" and (limit := _rejected(event)):
                complaints.append(limit)
            elif event.get("type") == "assistant" and event.get("error"):
                failed = True
                complaints.append(_said(event))
        return Told(usd, failed, tuple(filter(None, complaints)), end(last, errors))


def shown(seconds: int) -> dict[str, Any]:
    """What it reads of an entry besides the server's command; a call may take so many seconds."""
    return {"timeout": seconds * 1000, "alwaysLoad": True}


def _switches(launch: Launch) -> list[str]:
    words = ["--mcp-config", str(launch.folder / _FILE)]
    if launch.lock is Lock.OFF:
        words += ["--allowedTools", OURS]
    else:
        tools = list(_WEB if launch.lock is Lock.WEB else ())
        words += ["--tools", ",".join(tools), "--strict-mcp-config"]
        words += ["--allowedTools", ",".join([OURS, *tools]), "--permission-mode", "dontAsk"]
    return [*words, *(["--model", launch.model] if launch.model else [])]


def _dollars(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def _said(event: Mapping[str, Any]) -> str:
    if event.get("type") == "result":
        return text(event.get("result"))
    message = event.get("message")
    content = message.get("content") if is_table(message) else None
    parts = content if event.get("type") == "assistant" and is_list(content) else []
    return " ".join(text(part.get("text")) for part in parts if is_table(part))


def _texts(value: object) -> list[str]:
    return [text(one) for one in value] if is_list(value) else []


def _rejected(event: Mapping[str, Any]) -> str:
    """A rate limit that refused a request, in words that name the time; warnings count for nothing."""
    info = event.get("rate_limit_info")
    if not is_table(info) or info.get("status") != "rejected":
        return ""
    return f"rate limit: resets_at {info.get('resetsAt')}"
