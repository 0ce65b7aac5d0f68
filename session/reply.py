"""What a verb of the loop answers, before a tool shapes it for its client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Reply:
    """One answer: a text that a person would want to read, and the same as facts.

    Attributes:
        text: Says everything that matters.
        next: The sensible next call, as a sentence.
        facts: Fields of the reply by name; see `tools.reply` for the names that exist.
        untrusted: Text that came from evaluated code or from files; shown fenced, after `text`.
    """

    text: str
    next: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    untrusted: str = ""
