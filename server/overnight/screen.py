"""What a night prints: a line for each trial and for what happens to the client, and below them, on a terminal, a bar.

Guarantee: whatever a description holds, only text reaches the terminal; an output that nobody reads any more, such as
that of a terminal which was closed, does not end the night.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ...session.costs import named
from ...session.numbers import show
from ...session.untrusted import printable
from ..commands.screen import cut, duration, pairs, say, width
from .facts import Ended

_BAR = 24
_CLEAR = "\r\x1b[2K"
_LEAST = 20


class Screen:
    """Prints for a person, or with `as_json` one JSON object a line."""

    def __init__(self, *, as_json: bool) -> None:
        self._json, self._gone = as_json, False
        self._bar = sys.stdout.isatty() and not as_json
        self._shown = ""

    def trial(self, facts: Mapping[str, Any]) -> None:
        """A trial was decided."""
        self._tell(facts, _trial_line(facts))

    def event(self, text: str, **facts: Any) -> None:
        """Something happened to the client."""
        self._tell({"event": "client", "text": text, **facts}, "\n".join(f"      {line}" for line in text.splitlines()))

    def end(self, facts: Mapping[str, Any], ended: Ended, places: list[tuple[str, str]]) -> None:
        """The night is over."""
        self._tell({**facts, **dict(places)}, "\n".join(["", *_summary(facts, ended, places)]))

    def progress(self, facts: Mapping[str, Any] | None) -> None:
        """Draw the bar anew, where there is a terminal and something changed."""
        columns = max((width() or _LEAST) - 1, _LEAST)
        text = printable(cut(_progress(facts), columns)) if facts else ""
        if self._bar and text != self._shown:
            self._shown = text
            self._safely(lambda: sys.stdout.write(_CLEAR + _encodable(text)))

    def _tell(self, facts: Mapping[str, Any], text: str) -> None:
        line = json.dumps(facts) if self._json else text
        if self._shown:
            self._safely(lambda: sys.stdout.write(_CLEAR))
            self._shown = ""
        self._safely(lambda: say(line))

    def _safely(self, write: Callable[[], object]) -> None:
        if self._gone:
            return
        try:
            write()
            sys.stdout.flush()
        except OSError:
            self._gone = True
            nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nowhere, sys.stdout.fileno())  # or the interpreter complains about it when it ends
            os.close(nowhere)


def named_time(named: float | None, wait: float) -> str:
    """What is said of a wait after a client that named so many seconds, or none."""
    if named is None:
        return ""
    at = datetime.now().astimezone() + timedelta(seconds=named)
    return f", {'until' if named <= wait else 'sooner than'} the time that the client names ({at:%a %H:%M})"


def _encodable(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _trial_line(facts: Mapping[str, Any]) -> str:
    value = "-" if facts["value"] is None else show(facts["value"])
    change = "" if facts["change"] is None else f" ({facts['change']:+.4g})"
    verdict = "baseline" if facts["trial"] == 0 else facts["verdict"]
    words = f"{facts['trial']:>4}  {facts['metric']} {value}{change}  {verdict}  {facts['decision']}"
    return f"{words}  {duration(facts['seconds'])}  {facts['description']}"


def _progress(facts: Mapping[str, Any]) -> str:
    budget = facts["budget"]
    done, left = budget["experiments_spent"], budget["experiments_left"]
    seconds, rest = budget["seconds_spent"], budget["seconds_left"]
    shares = [
        part / (part + more) for part, more in ((done, left), (seconds, rest)) if more is not None and part + more
    ]
    filled = round(_BAR * max(shares, default=0.0))
    best = facts.get("best")
    parts = [
        f"[{'#' * filled}{'.' * (_BAR - filled)}]",
        f"{done} trials" if left is None else f"{done}/{done + left} trials",
        f"best {facts['metric']} {show(facts['best_value'])} (trial {best['trial']})" if best else "no baseline yet",
        _estimate(budget),
        facts["doing"],
    ]
    return "  ".join(part for part in parts if part)


def _estimate(budget: Mapping[str, Any]) -> str:
    trials, hours = budget["trials_left_estimate"], budget["hours_left_estimate"]
    said = "" if trials is None else f"about {trials} left"
    if hours:
        at = datetime.now().astimezone() + timedelta(hours=hours)
        said = f"{said}, ends about {at:%a %H:%M}".removeprefix(", ")
    return said


def _summary(facts: Mapping[str, Any], ended: Ended, places: list[tuple[str, str]]) -> list[str]:
    told = [
        ("ended", ended.reason),
        ("trials", f"{facts['trials']} this time, {facts['kept']} kept, {facts['crashes']} crashed"),
        ("best", _best(facts)),
        ("dollars", named(facts.get("budget", {}).get("cost_usd_by_source", {}))),
        ("client", f"{facts['runs']} run{'' if facts['runs'] == 1 else 's'}"),
        *places,
    ]
    quote = [f"  | {line}" for line in ended.quote.splitlines()[-12:]]
    return pairs(told, width()) + (["", "The client said last:", *quote] if quote else [])


def _best(facts: Mapping[str, Any]) -> str:
    first, best = facts.get("baseline"), facts.get("best")
    if not first or not best:
        return "no baseline"
    name = facts["metric"]
    share = "" if facts["gain_percent"] is None else f" ({facts['gain_percent']:+.2f} %)"
    values = f"{show(first['metrics'][name])} -> {show(best['metrics'][name])}{share}"
    return f"{name} ({facts['goal']}) {values}, trial {best['trial']}"
