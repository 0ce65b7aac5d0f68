"""`referee audit`: what happened in a session, call by call; with `--verify`, whether the record of it holds."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...sandbox.errors import RefereeError
from ...session.native import NativeCall, noted
from ...session.scanning import scan
from ...session.verify import Verified, find, verify
from ...session.verify_inputs import check_inputs
from .common import add_json, add_repo, add_tag
from .screen import cut, say, say_json, width
from .sessions import project_of
from .timeline import Line, timeline

FOUND = 1
_LEAST = 8
_FOLLOWING = ("refs", "branch", "rows")
_BEHIND = (
    "A server that was killed can leave these a step behind its journal; the next one puts them right and says so."
)
_HEAD = "The head proves the record to whoever noted it down: compare it with the agent's transcript."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    help_text = (
        "check chain, commits, refs, rows, verdicts, budget and inputs against each other; exits 1 on any finding"
    )
    parser.add_argument("--verify", action="store_true", help=help_text)
    add_repo(parser)
    add_tag(parser)
    add_json(parser)


def run(given: argparse.Namespace) -> int:
    """Tell or check what happened."""
    tell = check if given.verify else audit
    return tell(given.repo, given.tag, as_json=given.json)


def audit(repo: Path, tag: str | None, *, as_json: bool) -> int:
    """Print every call and what came of it, in order, as far as the journal can be read; 1 if it is damaged."""
    with project_of(repo) as project:
        tag, home = find(project, tag)
    scanned = scan(home / "journal.jsonl")
    native = noted(home)
    damage = [*scanned.chain.findings, *scanned.head.findings]
    if as_json:
        records = [asdict(record) for record in scanned.records]
        say_json({"tag": tag, "records": records, "native_calls": [asdict(call) for call in native], "damage": damage})
    else:
        say("\n".join([*_told(tag, timeline(scanned.records)), *_natively(native)]))
    if damage:
        raise RefereeError("\n".join([*damage, "the journal is damaged. `referee audit --verify` checks the rest."]))
    return 0


def _told(tag: str, lines: list[Line]) -> list[str]:
    wide = width()
    day, told = "", [f"session {tag}; times are UTC"]
    for line in lines:
        if line.time[:10] != day:
            day = line.time[:10]
            told.append(day)
        told.append(_shown(line, wide))
    return told


def _shown(line: Line, columns: int | None) -> str:
    """Calls at the margin, what they did indented; long arguments give way, so that the outcome is seen."""
    clock = line.time[11:19]
    if not line.call:
        return cut(f"{clock}    {line.what}", columns)
    head, outcome = f"{clock}  {line.what:<13}", f" -> {line.outcome}"
    room = None if columns is None else max(columns - len(head) - min(len(outcome), columns // 2), _LEAST)
    return cut(f"{head}{cut(line.arguments, room)}{outcome}", columns)


def _natively(calls: list[NativeCall]) -> list[str]:
    if not calls:
        return []
    count = f"{len(calls)} call{'' if len(calls) == 1 else 's'}"
    head = f"native tools of the client: {count}, noted by its hook beside the journal"
    return [head, *(cut(f"{call.time[:19]}  {call.tool:<13}{call.input}", width()) for call in calls)]


def check(repo: Path, tag: str | None, *, as_json: bool) -> int:
    """Print every check with `ok` or what was found; 1 if anything was."""
    with project_of(repo) as project:
        tag, home = find(project, tag)
        verified = verify(project, tag, home)
    inputs = check_inputs(scan(home / "journal.jsonl").records)
    verified = replace(verified, checks=(*verified.checks, inputs))
    if as_json:
        say_json(_data(verified))
    else:
        say("\n".join(_report(verified)))
    return FOUND if verified.findings else 0


def _data(verified: Verified) -> dict[str, Any]:
    return {
        "tag": verified.tag,
        "held_by": verified.held_by or None,
        "findings": verified.findings,
        "checks": [asdict(check) | {"ok": check.ok} for check in verified.checks],
    }


def _report(verified: Verified) -> list[str]:
    beside = f", held by pid {verified.held_by}" if verified.held_by else ""
    lines = [f"session {verified.tag} in {verified.home}{beside}"]
    for done in verified.checks:
        word = "FOUND" if done.findings else "unchecked" if done.unchecked else "ok"
        lines.append(f"{word:<10} {done.name:<9} {done.covers}".rstrip())
        lines += [f"{'':<10} - {said}" for said in done.findings]
        lines += [f"{'':<10} not checked: {done.unchecked}"] if done.unchecked and word != "ok" else []
    count = verified.findings
    told = "nothing found" if not count else f"{count} finding{'' if count == 1 else 's'}"
    if count and not verified.held_by and all(done.ok or done.name in _FOLLOWING for done in verified.checks):
        lines.append(_BEHIND)
    return [*lines, f"{told}. {_HEAD}"]
