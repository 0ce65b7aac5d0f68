"""What a fresh agent needs of the trials so far: the kept ones, near misses, dead ends, the last ones, lessons.

Guarantee: bounded in size whatever the number of trials; every number as the agent sees it elsewhere, and what is
computed from numbers, from those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .contract import Contract
from .dead_ends import Groups, value_of
from .numbers import exact, show
from .recollection import KEPT, LAST, LESSONS, NEAR, Gathered
from .trial import Trial

_WORDS = 160


@dataclass(frozen=True, slots=True)
class Most:
    """How many of each thing are told."""

    kept: int = KEPT - 1
    last: int = LAST
    near: int = NEAR
    groups: int = 10
    lessons: int = LESSONS


FEW = Most(kept=5, last=5, near=3, groups=5)


def remember(found: Gathered, contract: Contract, best: Trial | None, most: Most) -> dict[str, Any]:
    """What the trials come to, as data; parts without anything in them are left out."""
    parts: dict[str, Any] = {
        "kept": _kept([*found.kept][-most.kept - 1 :], contract),
        "near_misses": _near(found.near[: most.near], contract, best),
        "failed": _groups(found.failed, most.groups),
        "tried": _groups(found.tried, most.groups),
        "last": [_last(contract, trial) for trial in [*found.last][-most.last :]],
        "lessons": [{"trial": t.number, "lesson": t.lesson} for t in [*found.lessons.values()][-most.lessons :]],
    }
    left_out = {"failed": found.failed.beyond(most.groups), "tried": found.tried.beyond(most.groups)}
    parts["left_out"] = {name: count for name, count in left_out.items() if count}
    return {name: part for name, part in parts.items() if part}


def _groups(groups: Groups, most: int) -> list[dict[str, Any]]:
    return [group.facts() for group in groups.largest()[:most]]


def _gain(contract: Contract, value: float | None, before: float | None) -> float | None:
    """How much better one shown value is than another, negative if it is worse; None if no float tells."""
    if value is None or before is None:
        return None
    change = exact(value) - exact(before)
    try:
        return float(change if contract.metrics[contract.primary].goal == "maximize" else -change)
    except OverflowError:
        return None


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _words(trial: Trial) -> str:
    text = trial.row or trial.description
    return text if len(text) <= _WORDS else f"{text[:_WORDS]}…"


def _kept(kept: Sequence[Trial], contract: Contract) -> list[dict[str, Any]]:
    values = [value_of(contract, trial) for trial in kept]
    steps = zip(kept[1:], values[1:], values, strict=False)
    return [
        _known({"trial": t.number, "value": value, "gain": _gain(contract, value, before), "description": _words(t)})
        for t, value, before in steps
    ]


def _near(found: Sequence[Trial], contract: Contract, best_trial: Trial | None) -> list[dict[str, Any]]:
    """The gap is that of what the agent sees of both."""
    best = None if best_trial is None else value_of(contract, best_trial)
    gains = [_gain(contract, value_of(contract, trial), best) for trial in found]
    return [
        _known(
            {
                "trial": trial.number,
                "value": value_of(contract, trial),
                "gap": None if gain is None else 0.0 - gain,
                "verdict": trial.verdict,
                "description": _words(trial),
            }
        )
        for gain, trial in zip(gains, found, strict=True)
    ]


def _last(contract: Contract, trial: Trial) -> dict[str, Any]:
    return _known(
        {
            "trial": trial.number,
            "decision": str(trial.decision) if trial.decision else None,
            "verdict": trial.verdict,
            "value": value_of(contract, trial),
            "description": _words(trial),
        }
    )


def lines(memory: dict[str, Any], contract: Contract) -> list[str]:
    """The same as text: a title for each part, and a line for each thing in it."""
    name, left_out = contract.primary, memory.get("left_out", {})
    titles = {
        "kept": "Kept, each on the one before:",
        "near_misses": "Near misses, not kept:",
        "failed": "Crashed or timed out, by reason:",
        "tried": "Tried without being kept, by words:",
        "last": "Last trials:",
        "lessons": "Lessons so far:",
    }
    said: list[str] = []
    for part, title in titles.items():
        if part in memory:
            said += [title, *(f"- {_line(part, item, name)}" for item in memory[part])]
            said += [f"- and {left_out[part]} more trials"] if part in left_out else []
    return said


def _line(part: str, item: dict[str, Any], name: str) -> str:
    if part == "lessons":
        return lesson_line(item)
    if part in {"failed", "tried"}:
        best = f", best {name} {show(item['best'])}" if "best" in item else ""
        dots = "… " if item["count"] > len(item["trials"]) else ""
        return f"{item['count']} x {item['what'] or '(no words)'}{best} (trials {dots}{_numbers(item['trials'])})"
    value = f" {name} {show(item['value'])}" if "value" in item else ""
    how = [item[key] for key in ("decision", "verdict") if key in item]
    how += [f"gain {show(item['gain'])}"] if "gain" in item else []
    how += [_short_by(item["gap"])] if "gap" in item else []
    told = f" ({', '.join(how)})" if how else ""
    return f"trial {item['trial']}:{value}{told}: {item['description']}"


def lesson_line(item: dict[str, Any]) -> str:
    """One lesson as text."""
    return f"trial {item['trial']}: {item['lesson']}"


def _short_by(gap: float) -> str:
    return (
        f"{show(gap)} short of the best" if gap > 0 else f"{show(-gap)} beyond the best" if gap else "equal to the best"
    )


def _numbers(trials: list[int]) -> str:
    return ", ".join(str(number) for number in trials)
