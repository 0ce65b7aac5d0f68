"""`referee hook native-call`: a client's hook tells of a call of its own tools, for the trail of the session.

Guarantee: it prints nothing and exits 0 whatever happens, so that it never blocks or disturbs the client. Calls of MCP
tools are left out, since the journal has Referee's own. Format: https://code.claude.com/docs/en/hooks, `PostToolUse`.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from ...session.errors import RepositoryError
from ...session.native import note
from ...session.shapes import is_table

_MOST_CHARACTERS = 50_000_000  # a written file may be in it
_FOLDERS = ("CLAUDE_PROJECT_DIR", "CODEX_PROJECT_DIR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("event", choices=["native-call"], help="what the client tells, as JSON on standard input")


def run(_: argparse.Namespace) -> int:
    """Note it."""
    try:
        told: Any = json.loads(sys.stdin.buffer.read(_MOST_CHARACTERS))
        if is_table(told) and not str(told.get("tool_name", "")).startswith("mcp__"):
            note(told, _folder(told))
    except (OSError, ValueError, RecursionError, RepositoryError):
        pass  # the client's work goes on; `referee audit` shows what was noted
    return 0


def _folder(told: dict[str, Any]) -> Path:
    """Where the client was started, which `cd` in its shell does not change."""
    given = next((os.environ[name] for name in _FOLDERS if name in os.environ), None) or told.get("cwd")
    return Path(str(given or "."))
