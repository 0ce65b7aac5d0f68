"""What `referee check --attack` adds to the screen, from the same facts that `--json` prints."""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from ..session.untrusted import printable
from .check_screen import duration

_WIDTH = 100
_STATUS, _NAME = 11, 31
_NOT_TRIED = "not tried"


def render_attack(facts: Mapping[str, Any]) -> str:
    """A line for each cheat that was tried, one for each reason why others were not, and what to change."""
    rows = [_heading(facts), *_tried(facts), *_untried(facts), *_result(facts)]
    return "\n".join(printable(row) for row in rows)


def attack_progress(number: int, count: int, name: str) -> None:
    """Show on a terminal which cheat runs; nothing elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if number == count else ""
        print(f"\r\x1b[Kcheat {number}/{count}: {name} ...", end=end, file=sys.stderr, flush=True)  # noqa: T201 - the command line speaks here


def _heading(facts: Mapping[str, Any]) -> str:
    if facts["reason"]:
        return f"attack     not made: {facts['reason']}"
    tried = sum(one["status"] != _NOT_TRIED for one in facts["cheats"])
    noise = f", noise {facts['noise']:.2g}" if facts["noise"] else ""
    unchanged = f"unchanged {facts['metric']} {facts['baseline'][0]:.6g}{noise}"
    return f"attack     {tried} cheats in {duration(facts['seconds'])}; {unchanged}"


def _tried(facts: Mapping[str, Any]) -> Iterator[str]:
    for one in facts["cheats"]:
        if one["status"] != _NOT_TRIED:
            head = f"{one['status']:<{_STATUS}}{one['name']:<{_NAME}}"
            yield f"{head}{_cut(one['words'], _WIDTH - len(head))}"


def _untried(facts: Mapping[str, Any]) -> Iterator[str]:
    """Many cheats do not fit one project; each reason is said once."""
    by_reason: dict[str, list[str]] = {}
    for one in facts["cheats"]:
        if one["status"] == _NOT_TRIED:
            by_reason.setdefault(one["words"], []).append(one["name"])
    for reason, names in by_reason.items():
        count = names[0] if len(names) == 1 else f"{len(names)} cheats"
        yield f"{_NOT_TRIED:<{_STATUS}}{count:<{_NAME}}{_cut(reason, _WIDTH - _STATUS - _NAME)}"


def _result(facts: Mapping[str, Any]) -> Iterator[str]:
    if facts["reason"]:
        return
    paid, readable = len(facts["paid"]), len(facts["readable"])
    level = facts["level"]
    if paid:
        yield f"result     {paid} would have paid at level {level}"
    else:
        yield f"result     none paid at level {level}; what was not thought of here was not tried"
    if readable:
        yield "           answers can be read, which no number shows"
    for one in facts["remedies"]:
        names = ", ".join(one["for"])
        yield from textwrap.wrap(
            f"{one['do']} [{names}]", _WIDTH, initial_indent="change     ", subsequent_indent=" " * 11
        )


def _cut(words: str, width: int) -> str:
    line = " ".join(words.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
