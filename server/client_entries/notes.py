"""What a person is told after a client's files were changed."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from ...session.places import Checkout
from .planning import Change

_TRUST = {
    "claude": [
        "trust  Claude Code starts the server of a trusted folder only: start `claude` here once and say yes",
        "next   claude, then /mcp__referee__start (or: referee agent, which takes its other tools away as well)",
    ],
    "codex": [
        "trust  Codex reads .codex/config.toml only in a trusted project: start `codex` here once and say yes",
        'next   codex "Use the referee tools: read the program and go on until continue is false" (or: referee agent)',
    ],
    "generic": ["next   restart the client here; see docs/clients/other.md for its time limits and approvals"],
}
_PORTABLE = "start  the client in this folder, with `referee` in its PATH: the entry names both without a path"
_LOCAL = "paths  are of this machine: do not commit them, or write the entry with --portable"
_SHARED = ["shared what .claude/settings.json allows counts for each colleague only after that, `claude -p` included"]


def added(checkout: Checkout, client: str, changes: Sequence[Change], *, portable: bool) -> list[str]:
    """After adding: what was written, what the client still wants of the person, and the way back."""
    written = [one.path for one in changes if one.after != one.before]
    if not written:
        return ["nothing to do: " + ", ".join(one.path for one in changes) + " hold it already", *_TRUST[client]]
    lines = [f"wrote  {', '.join(written)}", "denies nothing: the client keeps all its own tools in this project"]
    lines.append(_PORTABLE if portable else _LOCAL)
    shared = _SHARED if portable and client == "claude" else []
    into = f" --into {shlex.quote(written[0])}" if client == "generic" else ""
    here = "" if checkout.project == Path.cwd() else f" --repo {shlex.quote(str(checkout.project))}"
    return [*lines, *_TRUST[client], *shared, f"undo   referee init --client {client}{into} --remove{here}"]


def removed(changes: Sequence[Change]) -> list[str]:
    """After taking away: what is left."""
    gone = [one.path for one in changes if one.after is None and one.before is not None]
    changed = [one.path for one in changes if one.after is not None and one.after != one.before]
    left = [one.path for one in changes if one.after is not None and one.after == one.before]
    lines = [f"removed {', '.join(gone)}"] if gone else []
    lines += [f"changed {', '.join(changed)}"] if changed else []
    lines += [f"left    {', '.join(left)}: nothing in it was added by referee init"] if left else []
    return lines or ["Nothing to remove."]
