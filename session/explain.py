"""From what pydantic found wrong in `program.md` to sentences that a person can act on.

Every sentence names the key as it stands in the file, what was found (quoted, cut, control characters escaped)
and what was expected; for a missing key nothing is shown, because pydantic offers the whole table around it.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from .consistency import KeyedError
from .contract import Budget, Call, Contract, Evaluate, Feedback, Keep, Metric, Plateau, Sandbox, Target
from .later import Holdout, Retain
from .shapes import is_list, is_table
from .wording import CUT, clean, quoted

Path = tuple[str | int, ...]
Error = Mapping[str, Any]

UNBUILT: dict[tuple[str, ...], tuple[str, ...]] = {
    ("keep",): ("max_jump", "on_suspicious"),
}
"""Keys whose behaviour is designed and not built; by the place where they may stand one day."""

_MODELS: dict[Path, type[BaseModel]] = {
    (): Contract,
    ("target",): Target,
    ("evaluate",): Evaluate,
    ("evaluate", "call"): Call,
    ("evaluate", "retain"): Retain,
    ("holdout",): Holdout,
    ("metrics", "*"): Metric,
    ("keep",): Keep,
    ("sandbox",): Sandbox,
    ("feedback",): Feedback,
    ("budget",): Budget,
    ("budget", "plateau"): Plateau,
}

_EXAMPLES = {
    "target": "target: train.py",
    "target.path": "path: train.py",
    "evaluate": "evaluate: {command: python train.py}",
    "evaluate.command": "command: python train.py",
    "metrics": "metrics: {val_bpb: minimize}",
    "goal": "goal: minimize",
}

_KINDS = {
    "string_type": "text (in quotes, if it looks like something else)",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "tuple_type": "a list",
    "finite_number": "a finite number",
}

_LIMITS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_COMPARISONS = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}


def unnamed(raw: object, place: Path = ()) -> Iterator[str]:
    """Take the keys that are not text out of `raw`, at any depth, and give one sentence for each."""
    table = _table(raw)
    for key in [key for key in table if not isinstance(key, str)]:
        del table[key]
        yield _sentence((*place, key), f"found {quoted(key)} as the name of a key, expected text")
    members = enumerate(raw) if is_list(raw) else table.items()
    for key, value in members:
        yield from unnamed(value, (*place, key))


def unbuilt(raw: dict[str, Any]) -> Iterator[str]:
    """Take the keys that are not built yet out of `raw` and give one sentence for each."""
    for place, keys in UNBUILT.items():
        section = _walk(raw, place)
        for key in keys:
            if key in section:
                del section[key]
                yield _sentence((*place, key), "not supported yet")
    for name, metric in _walk(raw, ("metrics",)).items():
        if _table(metric).get("min_delta") == "auto":
            del metric["min_delta"]
            yield _sentence(("metrics", name, "min_delta"), "'auto' is not supported yet, expected a number")


def faults(error: ValidationError, raw: object, place: Path = ()) -> Iterator[str]:
    """One sentence for each fault that pydantic found in `raw`, which stands at `place` of the file."""
    for item in error.errors(include_url=False):
        yield _explain(item, raw, place)


def _explain(item: Error, raw: object, place: Path) -> str:
    loc: Path = tuple(part for part in item["loc"] if part != "[key]")
    kind = str(item["type"])
    if kind == "extra_forbidden":
        return _sentence(place + loc, _unknown(place + loc))
    if kind == "missing":
        return _sentence(place + loc, _missing(place + loc))
    typed, found = _as_typed(raw, loc)
    fault = item.get("ctx", {}).get("error")
    if isinstance(fault, KeyedError):
        return _sentence((*place, *typed, *fault.key.split(".")), str(fault))
    if kind == "value_error" and not str(fault).startswith("expected"):
        return _sentence(place + typed, str(fault))
    shown = loc[-1] if "[key]" in item["loc"] else found
    return _sentence(place + typed, f"found {quoted(shown)}, {_expected(item)}")


def _expected(item: Error) -> str:
    kind, context = str(item["type"]), item.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in {"literal_error", "enum"}:
        return "expected one of: " + ", ".join(re.findall(r"'([^']*)'", context["expected"]))
    if kind in _LIMITS:
        comparison = _LIMITS[kind]
        return f"expected a number {_COMPARISONS[comparison]} {context[comparison]:g}"
    return f"expected {_KINDS[kind]}" if kind in _KINDS else str(item["msg"])


def _unknown(loc: Path) -> str:
    """Why the last key of `loc` is not known and which one may be meant: here, or the same word elsewhere."""
    place, word = loc[:-1], str(loc[-1])
    valid = _keys(place)
    near = difflib.get_close_matches(word[:CUT], valid, n=1)
    elsewhere = [".".join((*map(str, other), word)) for other in _MODELS if word in _keys(other)]
    if near or elsewhere:
        return f"unknown key. Did you mean '{(near or elsewhere)[0]}'?"
    return f"unknown key, expected one of: {', '.join(valid)}"


def _keys(place: Path) -> tuple[str, ...]:
    """The keys that are allowed at `place`."""
    model = _MODELS.get(("metrics", "*") if place[:1] == ("metrics",) else place)
    names = tuple(model.model_fields) if model else ()
    return names if place else (*names, "budget")


def _missing(loc: Path) -> str:
    example = _EXAMPLES.get(".".join(map(str, loc))) or _EXAMPLES.get(str(loc[-1]))
    return f"missing. Write for example {example}" if example else "missing"


def _as_typed(raw: object, loc: Path) -> tuple[Path, object]:
    """The part of `loc` that stands in the file, where a short form may stand for several keys; and its value."""
    value: Any = raw
    for depth, part in enumerate(loc):
        members: Mapping[Any, Any] = dict(enumerate(value)) if is_list(value) else _table(value)
        if part not in members:
            return loc[:depth], value
        value = members[part]
    return loc, value


def _walk(raw: object, place: tuple[str, ...]) -> dict[Any, Any]:
    for part in place:
        raw = _table(raw).get(part)
    return _table(raw)


def _table(value: object) -> dict[Any, Any]:
    return value if is_table(value) else {}


def _sentence(loc: Path, text: str) -> str:
    return f"key '{'.'.join(clean(str(part)) for part in loc)}': {text}" if loc else text
