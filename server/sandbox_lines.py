"""What `referee check` says of the sandbox: in a hurry what is missing and what to do, at leisure all of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..session.protections import ENFORCED, summary

_STATE, _NAME = 9, 18


def sandbox_lines(found: Mapping[str, Any], *, everything: bool) -> list[str]:
    """Lines about the sandbox, from the facts that `--json` prints.

    Args:
        found: The facts below `sandbox`.
        everything: Whether to list the protections that are enforced, too.
    """
    items: Sequence[Mapping[str, str]] = found["protections"]
    weak = [item for item in items if item["state"] != ENFORCED]
    count = summary({item["name"]: item["state"] for item in items}).partition(";")[0]
    return [
        f"{_head(found)}; {count}",
        *(_line(item) for item in (items if everything else weak)),
        *_remedies(weak),
        *(f"not better because: {said}" for said in found["lost"]),
    ]


def _head(found: Mapping[str, Any]) -> str:
    level = f"{found['level']}: {found['backend']}" if found["level"] != "none" else "none: nothing is confined"
    open_to_all = any(item["name"] == "network" and item["state"] == "absent" for item in found["protections"])
    network = "on" if found["network"] else "off" if not open_to_all else "off is asked for, and cannot be had here"
    return f"{level}; network {network}"


def _line(item: Mapping[str, str]) -> str:
    return f"{item['state']:<{_STATE}}{item['name']:<{_NAME}}{item['evidence']}"


def _remedies(weak: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Each remedy once, with what it is for."""
    by_remedy: dict[str, list[str]] = {}
    for item in weak:
        by_remedy.setdefault(item["remedy"], []).append(item["name"])
    for remedy, names in by_remedy.items():
        yield f"for {', '.join(names)}: {remedy}"
