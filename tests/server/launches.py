"""Clients that are started by nobody: how one would be, and what its command line says."""

import tomllib
from pathlib import Path
from typing import Any

from referee.server.clients.base import Launch, Server


def launched(tmp_path: Path, **more: Any) -> Launch:
    """A launch of a client for a session of that folder."""
    server = Server(("/bin/referee", "serve", "--repo", "/p q"), {"REFEREE_STATE_DIR": "/s"}, ("PATH", "TOKEN"))
    return Launch(tmp_path, "mar8", tmp_path / "agent", server, **more)


def after(words: list[str], flag: str) -> str:
    """The word behind a flag."""
    return words[words.index(flag) + 1]


def overrides(words: list[str]) -> dict[str, Any]:
    """What the overrides of a command line say, as one table of dotted names."""
    given = [words[n + 1] for n, word in enumerate(words) if word == "-c"]
    return {key: tomllib.loads(f"x = {value}")["x"] for key, _, value in (one.partition("=") for one in given)}
