"""Arguments that a tool does not take, explained to the agent that sent them."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..tools.base import Listed

_CUT = 60
_MOST = 5


def explain(tool: Listed, error: ValidationError) -> str:
    """The first faults: which argument, what was found, what was expected."""
    names = list(tool.arguments.model_fields)
    faults = error.errors(include_url=False)
    more = f"; and {len(faults) - _MOST} more" if len(faults) > _MOST else ""
    return "; ".join(_fault(item, names) for item in faults[:_MOST]) + f"{more}. Nothing was done; call again."


def _fault(item: Mapping[str, Any], names: list[str]) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1])[:_CUT], names, n=1)
        hint = f"the nearest is {near[0]!r}" if near else f"known: {', '.join(names) or 'none'}"
        return f"unknown argument {_cut(place)!r} ({hint})"
    if item["type"] == "missing":
        return f"argument {place!r} is missing"
    return f"argument {place!r}: found {_cut(repr(item['input']))}, expected: {item['msg']}"


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else f"{text[:_CUT]}…"
