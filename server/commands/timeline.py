"""A journal as lines that a person reads: calls with their outcome, and between them what came of them.

Guarantee: every record gives one line, in order; a refusal that directly answers the call before it is told with that
call. A record of a form that nobody expects is told as it stands.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...session.findings import MALFORMED
from ...session.journal import Record
from ...session.protections import KIND, states_of, summary
from ...session.results import number

_SHORT = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One line: when (ISO 8601, UTC), what; for a call also its arguments and its outcome."""

    seq: int
    time: str
    what: str
    call: bool = False
    arguments: str = ""
    outcome: str = ""


def timeline(records: Sequence[Record]) -> list[Line]:
    """The records as lines."""
    lines: list[Line] = []
    told: set[int] = set()
    for index, record in enumerate(records):
        if record.kind == "call":
            answer = _answer(records, index)
            told |= {answer} if answer else set()
            lines.append(_call(record, records[answer] if answer else None))
        elif index not in told:
            lines.append(Line(record.seq, record.time, _effect(record)))
    return lines


def _answer(records: Sequence[Record], index: int) -> int:
    """Index of the refusal that answers a call, 0 if it was not refused before anything else was called."""
    for later in range(index + 1, len(records)):
        record = records[later]
        if record.kind == "call":
            return 0
        if record.kind == "refused" and record.data.get("tool") == records[index].data.get("tool"):
            return later
    return 0


def _call(record: Record, refusal: Record | None) -> Line:
    given: Any = record.data.get("arguments", {})
    try:
        told = ", ".join(f"{name}={_short(value)}" for name, value in given.items())
    except MALFORMED:
        told = _short(given)
    outcome = f"refused: {refusal.data.get('error')}" if refusal else "ok"
    return Line(record.seq, record.time, str(record.data.get("tool")), call=True, arguments=told, outcome=outcome)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def _effect(record: Record) -> str:
    try:
        return _EFFECTS[record.kind](record.data)
    except MALFORMED:
        return f"{record.kind}: {_short(dict(record.data))}"


def _opened(data: Mapping[str, Any]) -> str:
    warnings = f"; {len(data['warnings'])} files not as committed" if data["warnings"] else ""
    return f"session opened at {data['base'][:7]}, Referee {data['version']}{warnings}"


def _measured(data: Mapping[str, Any]) -> str:
    measured = data["measurement"]
    numbers = ", ".join(f"{name} {number(value)}" for name, value in measured["metrics"].items())
    said = ": ".join(part for part in (data["verdict"], numbers) if part)
    return f"trial {data['trial']} {said}; {data['reason']}; {measured['seconds']:.1f} s"


def _row(data: Mapping[str, Any]) -> str:
    words = [
        f"{name.removesuffix('_usd')}: {data[name]}" for name in ("description", "lesson", "cost_usd") if name in data
    ]
    return f"row of trial {data['trial']}: {'; '.join(words)}"


def _extended(data: Mapping[str, Any]) -> str:
    limits = ", ".join(f"{name} {value}" for name, value in data["budget"].items() if value is not None)
    return f"budget extended: {limits}"


def _stopped(data: Mapping[str, Any]) -> str:
    now = " at once" if data.get("now") else ""
    return f"stopped{now} by the person" + (f": {data['reason']}" if data["reason"] else "")


def _heard(data: Mapping[str, Any]) -> str:
    given = [f"{data['count']} of the person's lines"] if data["count"] else []
    return f"the agent was told {' and '.join([*given, *(['that the policy was changed'] * bool(data.get('policy')))])}"


def _client(data: Mapping[str, Any]) -> str:
    cost = f", ${data['usd']:.2f} by its own account" if data["usd"] else ""
    return f"client {data['client']} {data['event']}{cost}"


def _policy(data: Mapping[str, Any]) -> str:
    return "program.md was changed" + ("" if data["contract_unchanged"] else ", its contract too (without effect)")


_EFFECTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "opened": _opened,
    "resumed": lambda data: f"session resumed by pid {data['pid']}, Referee {data['version']}",
    "edited": lambda data: f"draft is {data['blob'][:7]} ({data['via']})",
    "trial_started": lambda data: (
        f"trial {data['trial']} started: {data['description']}; at most {data['limit']:.0f} s"
    ),
    "trial_measured": _measured,
    "trial_interrupted": lambda data: f"trial {data['trial']} crash: {data['reason']}",
    "baseline_failed": lambda data: f"baseline failed: {data['reason']}",
    "decided": lambda data: f"trial {data['trial']} {data['decision']} (by {data['by']})",
    "row": _row,
    "extended": _extended,
    "client": _client,
    "told": lambda data: f"the person says: {data['text']}",
    "heard": _heard,
    "paused": lambda _: "paused by the person",
    "unpaused": lambda _: "resumed by the person",
    "stopped": _stopped,
    "lowered": lambda data: f"integrity lowered to {data['integrity']}: {data['reason']}",
    "policy": _policy,
    KIND: lambda data: f"sandbox {data['level']}: {data['backend']}; {summary(states_of(data))}",
    "ignored": lambda data: f"message ignored: {data.get('error') or data.get('kind')}",
    "rotated": lambda data: f"{data['files']} logs of trials below {data['before']} made room; none of a kept trial",
    "checkpoint": lambda data: f"state kept for a quick start: sha256 {data['sha256'][:12]}…",
    "holdout": lambda data: f"hidden score taken by a person: {data['file']}, sha256 {data['sha256'][:12]}…",
    "refused": lambda data: f"{data['tool']} refused: {data['error']}",
    "interference": lambda data: f"interference: {data['what']}",
    "repaired": lambda data: f"repaired: {data['bytes_cut']} bytes of a half-written record were cut off",
}
