"""One trial of a session, as its journal tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .costs import Dollars


class Decision(StrEnum):
    """The three words of `results.tsv`."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"


_MOST_DIGITS = 12


def number_of(text: str) -> int | None:
    """The trial's number that is written exactly so, in ASCII digits without a leading zero; None if none is."""
    plain = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if plain and (text == "0" or text[0] != "0") else None


@dataclass(slots=True)
class Trial:
    """One measured draft.

    `limit` and `seconds` are the wall clock it was given and took; `started` is the session's clock at its start.
    `row` is the text of its row once that is written; `worded` says that the agent chose it after the run.
    `cost_usd` is what the agent said that it cost, `costs` are the dollars that count, by source.
    `measurement` is the part of the record that later trials need; the whole is in the journal. `lasting` is what its
    decision said of the files that it left.
    """

    number: int
    blob: str
    tree: str
    parent: str
    description: str
    limit: float
    started: float
    commit: str = ""
    outcome: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    measurement: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lines: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    verdict: str = ""
    reason: str = ""
    may_keep: bool = False
    interrupted: bool = False
    decision: Decision | None = None
    row: str | None = None
    worded: bool = False
    lesson: str | None = None
    cost_usd: float | None = None
    costs: Dollars = field(default_factory=dict[str, float])
    lasting: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def measured(self) -> bool:
        """Whether its measurement is known."""
        return bool(self.verdict)

    @property
    def failed(self) -> bool:
        """Whether it gave no number that counts."""
        return self.outcome in {"crash", "timeout"}
