"""A client's files in a project, as tests of `referee init --client` write, read and compare them."""

import json
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from referee.server.cli import main

OTHERS = {"claude": '{"mcpServers": {"other": {"command": "x"}}, "more": [1, 2.50]}', "codex": '# mine\nmodel = "m"\n'}
THEIRS = {
    "claude": '{"mcpServers": {"referee": {"command": "mine"}}}\n',
    "codex": '[mcp_servers.referee]\ncommand = "mine"\n',
}
FILES = {"claude": ".mcp.json", "codex": ".codex/config.toml"}
SETTINGS = ".claude/settings.local.json"


def init(project: Path, *words: str) -> tuple[int, str, str]:
    """Run `referee init` on the project and return its exit code and what it said."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = main(["init", "--repo", str(project), *words])
    return code, out.getvalue(), err.getvalue()


def held(project: Path, client: str) -> Any:
    """Our entry as the client reads it; None if there is none."""
    text = (project / FILES[client]).read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text) if client == "claude" else tomllib.loads(text)
    servers: dict[str, Any] = data.get("mcpServers" if client == "claude" else "mcp_servers") or {}
    return servers.get("referee")


def put(project: Path, client: str, text: str) -> Path:
    """Write a client's file as its owner would have."""
    place = project / FILES[client]
    place.parent.mkdir(exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return place


def tree(project: Path) -> dict[str, bytes | None]:
    """Every file and folder of the checkout with its bytes."""
    found = [path for path in project.rglob("*") if ".git" not in path.parts]
    return {str(path): None if path.is_dir() else path.read_bytes() for path in found}
