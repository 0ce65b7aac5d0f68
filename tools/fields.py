"""The fields that replies carry, as JSON schemas; each tool lists the ones it uses."""

from collections.abc import Iterable
from typing import Any

_SUMMARY = {"type": "object"}

ALWAYS = ("text", "budget", "continue", "journal", "next")
SOMETIMES = ("best", "baseline", "note", "told", "paused")

FIELDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "best": _SUMMARY,
    "baseline": _SUMMARY,
    "budget": {"type": "object"},
    "continue": {"type": "boolean"},
    "journal": {"type": "string"},
    "next": {"type": "string"},
    "note": {"type": "string"},
    "told": {"type": "array", "items": {"type": "string"}},
    "paused": {"type": "boolean"},
    "trial": {"type": "integer"},
    "status": {"enum": ["running", "measured", "decided"]},
    "verdict": {"enum": ["improved", "simpler", "equal", "worse", "guard_failed", "timeout", "crash"]},
    "decision": {"enum": ["keep", "discard", "crash"]},
    "metrics": {"type": "object", "additionalProperties": {"type": "number"}},
    "reason": {"type": "string"},
    "sha256": {"type": "string"},
    "diff": {"type": "string"},
    "warning": {"type": "string"},
    "lines": {"type": "integer"},
    "files": {"type": "integer"},
    "rows": {"type": "array", "items": {"type": "object"}},
    "total": {"type": "integer"},
    "summary": {"type": "object"},
}

TRIAL = ("trial", "status", "verdict", "decision", "metrics", "reason", "sha256")


def output_schema(fields: Iterable[str]) -> dict[str, Any]:
    """The JSON schema of a reply with these fields besides those of every reply."""
    names = (*ALWAYS, *SOMETIMES, *fields)
    return {
        "type": "object",
        "properties": {name: FIELDS[name] for name in names},
        "required": list(ALWAYS),
        "additionalProperties": False,
    }
