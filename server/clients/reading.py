"""Reading transcripts: lines of JSON that a client printed, of which none is trusted to have any form."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ...session.shapes import is_table

KEPT = 2000  # characters of a client's last words


def events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The lines that are JSON objects, in order."""
    for line in lines:
        try:
            found: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if is_table(found):
            yield dict(found)


def text(value: object) -> str:
    """A value as text, "" for what is none."""
    return value if isinstance(value, str) else ""


def end(*texts: str) -> str:
    """The last of these texts that says something, cut to its end."""
    return next((found.strip()[-KEPT:] for found in reversed(texts) if found.strip()), "")
