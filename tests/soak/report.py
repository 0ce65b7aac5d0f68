"""What a soak says at its end: one line for each kind of fault, and every finding in words."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from .findings import COLUMNS, Tally

_HEADS = {
    "lost": "lost rows",
    "double": "double counts",
    "survivors": "survivors",
    "unresumable": "unresumable",
    "wrong": "else wrong",
}
Tallies = Mapping[str, Tally]


def merged(parts: Iterator[Tallies]) -> dict[str, Tally]:
    """Return the sum of several tallies."""
    whole: dict[str, Tally] = {}
    for part in parts:
        for kind, tally in part.items():
            known = whole.setdefault(kind, Tally())
            known.times += tally.times
            known.findings += tally.findings
    return whole


def table(kills: Tallies, faults: Tallies) -> str:
    """Return a Markdown table: kills by where they fell, their sum, then the other faults."""
    lines = ["| fault | times | " + " | ".join(_HEADS[column] for column in COLUMNS) + " |"]
    lines.append("|---" * (len(COLUMNS) + 2) + "|")
    lines += [_line(f"`kill -9` {kind}", tally) for kind, tally in sorted(kills.items())]
    whole = merged(iter([{"": tally} for tally in kills.values()]))
    lines.append(_line("**kills and ends of sessions**", whole.get("", Tally())))
    lines += [_line(kind, tally) for kind, tally in faults.items()]
    return "\n".join(lines)


def _line(name: str, tally: Tally) -> str:
    return f"| {name} | {tally.times} | " + " | ".join(str(tally.count(column)) for column in COLUMNS) + " |"


def words(tallies: Tallies) -> Iterator[str]:
    """Yield every finding as a sentence."""
    for kind, tally in tallies.items():
        yield from (f"{kind}: {finding.column}: {finding.said}" for finding in tally.findings)


def as_json(facts: Mapping[str, Any], kills: Tallies, faults: Tallies) -> str:
    """Return everything as JSON."""

    def shaped(tallies: Tallies) -> dict[str, Any]:
        return {
            kind: {
                "times": tally.times,
                **{column: tally.count(column) for column in COLUMNS},
                "findings": [asdict(finding) for finding in tally.findings],
            }
            for kind, tally in tallies.items()
        }

    return json.dumps({**facts, "kills": shaped(kills), "faults": shaped(faults)}, indent=1)
