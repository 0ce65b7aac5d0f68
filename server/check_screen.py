"""The one screen of `referee check`, from the same facts that `--json` prints."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..session.numbers import show
from ..session.untrusted import printable
from .sandbox_lines import sandbox_lines

_WIDTH = 11
_MINUTE, _HOUR = 60, 3600
_KILO = 1024


def render(facts: Mapping[str, Any], *, everything: bool = False) -> str:
    """What a person reads before the night: what is measured, how well it is protected, and what to do next.

    With `everything`, what is protected is listed with its evidence like what is not.
    """
    rows = [
        *_heading(facts),
        *_baseline(facts),
        *_rows("guards", [f"the baseline itself fails: {said}" for said in facts["guards_failed"]]),
        *_rows("integrity", [f"{facts['integrity']['level']}: {facts['integrity']['text']}"]),
        *_rows("sandbox", sandbox_lines(facts["sandbox"], everything=everything)),
        *_rows("gpu", _gpu(facts["gpu"])),
        *_rows("inputs", [f"{', '.join(facts['inputs'])} (read-only, fingerprinted)"] if facts["inputs"] else []),
        *_rows("exposed", [f"{', '.join(facts['exposed'])} (to the target's process)"] if facts["exposed"] else []),
        *_rows("warning", facts["warnings"]),
        *_session(facts["session"]),
        *_tonight(facts["tonight"]),
        *_rows("next", facts["next"]),
    ]
    return "\n".join(printable(row) for row in rows)


def duration(seconds: float) -> str:
    """Seconds as a person says them: `0.31s`, `42.0s`, `5m12s`, `2h05m`."""
    if seconds < _MINUTE:
        return f"{seconds:.1f}s" if seconds >= 1 else f"{seconds:.2f}s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)}m{int(seconds % _MINUTE):02d}s"
    return f"{int(seconds // _HOUR)}h{int(seconds % _HOUR // _MINUTE):02d}m"


def memory(size: int) -> str:
    """Bytes in the unit that fits: MB or GB of 1024 based units."""
    mega = size / _KILO**2
    return f"{mega:.1f} MB" if mega < _KILO else f"{mega / _KILO:.1f} GB"


def _rows(name: str, lines: list[str]) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield f"{name if index == 0 else '':<{_WIDTH}}{line}"


def _heading(facts: Mapping[str, Any]) -> Iterator[str]:
    what = f"{facts['target']} -> {facts['metric']} ({facts['goal']})"
    yield f"{what:<36}tag {facts['tag']}, base {facts['base'][:7]}"


def _baseline(facts: Mapping[str, Any]) -> Iterator[str]:
    found = facts["baseline"]
    if found["reason"]:
        yield from _rows("baseline", [f"FAILED: {found['reason']}"])
        return
    values = dict(found["metrics"])
    primary = show(values.pop(facts["metric"]))
    parts = [primary, duration(found["seconds"])]
    if found["memory_bytes"]:
        parts.append(f"memory {memory(found['memory_bytes'])}")
    others = [f"{name} {show(value)}" for name, value in values.items()]
    yield from _rows(
        "baseline", ["   ".join([*parts, "noise: not measured"]), *([", ".join(others)] if others else [])]
    )


def _gpu(found: Mapping[str, Any]) -> list[str]:
    if not found["nodes"]:
        return []
    asked = found["asked"] if isinstance(found["asked"], str) else ", ".join(map(str, found["asked"]))
    return [f"{asked}: {', '.join(found['nodes'])}", *([found["edge"]] if found["edge"] else [])]


def _session(found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is None:
        return
    left = ", ".join(
        [
            *([f"{found['experiments_left']} experiments"] if found["experiments_left"] is not None else []),
            *([duration(found["seconds_left"])] if found["seconds_left"] is not None else []),
        ]
    )
    state = f"left: {left or 'no limit'}" if found["continue"] else f"over: {found['reason']}"
    best = f"best {show(found['best'])}" if found["best"] is not None else "no baseline yet"
    lines = [f"{found['tag']} is open since {found['opened'][:16]}: {found['rows']} rows, {best}; {state}"]
    lines += [found["note"]] if found["note"] else []
    yield from _rows("session", lines)


def _tonight(found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is None:
        return
    hours = found["hours"]
    within = "" if hours is None else f" in {show(hours)} h" if hours >= 1 else f" in {duration(hours * _HOUR)}"
    amount = (
        "as many trials as you let it run" if found["trials"] is None else f"about {found['trials']} trials{within}"
    )
    yield from _rows("tonight", [f"{amount}, evaluation alone"])
