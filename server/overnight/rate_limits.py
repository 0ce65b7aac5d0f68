"""When a rate limit ends, by what a client says of it: pure text in, seconds out.

Understood are the forms that Claude Code, Codex and HTTP services use: `usage limit reached|1763700000`,
`resets_at 1763700000` (seconds or milliseconds, or ISO 8601), `resets 3am`, `resets Nov 22, 3:40pm (Europe/Berlin)`,
`try again at 3:40 PM`, `try again at Nov 22nd, 2026 3:40 PM`, `try again in 3 hours 20 minutes`, `retry after 30`.
A time of day is the next one that comes; without a zone it is this machine's.

A time counts only in a text that also speaks of a limit. Edge: whoever writes both into such a text has the night wait;
so what is made of a time must stay bounded.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST = 8 * 86_400.0  # a weekly limit, and some; what names more is no rate limit

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}

_FLAGS = re.IGNORECASE | re.ASCII  # or "\u017f" would be an "s", and "\u0663" a digit

_AMOUNT = (
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(?![a-z])"
)
_SPACE = re.compile(r"\s")  # also those of other alphabets: some clients write "3:40\u202fPM"
_PAIR = re.compile(_AMOUNT, _FLAGS)
_IN = re.compile(
    rf"\b(?:try again|retry(?:ing)?|resets?|available(?: again)?) in:?\s*((?:{_AMOUNT}[\s,and]*)+)", _FLAGS
)
_AFTER = re.compile(r"\bretry[-_ ]after(?:[-_ ](ms|seconds))?\W{0,4}(\d+(?:\.\d+)?)(?![\d:-])\s*([a-z]*)", _FLAGS)
_EPOCH = re.compile(r"(?:\breached\s*\|\s*|\bresets?_?at\W{0,4})(\d{10}|\d{13})(?!\d)", _FLAGS)
_ISO = re.compile(
    r"\b(?:resets?_?at|resets?(?: at| on)?|again at|after)\W{1,4}"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)",
    _FLAGS,
)
_CLOCK = re.compile(
    r"\b(?:resets?(?: at| on)?|again at|available at|until)\s+"
    r"(?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?"
    r"(?:,?\s+(?P<year>\d{4}))?,?\s+(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?(?::\d\d)?\s*(?P<half>[ap]\.?m\b)?\.?(?:\s*\((?P<zone>[\w+/-]+)\))?",
    _FLAGS,
)


_MENTIONED = re.compile(
    r"(?<!learning.)rate.?limit|usage limit|limit reached|limit\W{1,3}resets"
    r"|(?:hit|reached|exceeded) your [a-z -]*limit|too many requests|overloaded"
    r"|(?<!trial )(?<!step )(?<!epoch )(?<!line )(?<![.\d])\b(?:429|529)\b(?!\.\d)",
    _FLAGS,
)


def mentioned(texts: Iterable[str]) -> bool:
    """Whether these texts speak of a rate limit or an overloaded service, with or without a time."""
    return any(_MENTIONED.search(text) for text in texts)


def seconds_to_wait(texts: Iterable[str], now: datetime) -> float | None:
    """Seconds from `now` until the latest time that these texts name; None if they name none.

    Args:
        texts: What a client wrote about faults.
        now: With a time zone, which is taken for times of day that name none.
    """
    found = [seconds for text in texts if _MENTIONED.search(text) for seconds in _times(text, now)]
    return max((seconds for seconds in found if 0 <= seconds <= LONGEST), default=None)


def _times(text: str, now: datetime) -> list[float]:
    """What a text names; a form that nobody foresaw names nothing, and ends no night."""
    found: list[float] = []
    with suppress(ArithmeticError, LookupError, ValueError):
        found.extend(_named(_SPACE.sub(" ", text), now))
    return found


def _named(text: str, now: datetime) -> Iterator[float]:
    for match in _EPOCH.finditer(text):
        yield from _until(_instant(match[1]), now)
    for match in _ISO.finditer(text):
        yield from _until(_iso(match[1], now), now)
    for match in _IN.finditer(text):
        yield sum(float(amount) * _UNITS.get(_unit(unit), 0.0) for amount, unit in _PAIR.findall(match[1]))
    for match in _AFTER.finditer(text):
        unit = _unit((match[1] or match[3] or "s").lower())
        yield float(match[2]) * _UNITS.get(unit, 1.0)
    for match in _CLOCK.finditer(text):
        yield from _until(_clock(match, now), now)


def _unit(word: str) -> str:
    word = word.lower()
    return "ms" if word.startswith(("ms", "mil")) else word[0]


def _until(moment: datetime | None, now: datetime) -> Iterator[float]:
    if moment is not None:
        yield (moment - now).total_seconds()


def _instant(digits: str) -> datetime | None:
    seconds = int(digits) / (1000 if len(digits) > 10 else 1)  # noqa: PLR2004 - ten digits of seconds reach 2286
    return datetime.fromtimestamp(seconds, UTC)


def _iso(text: str, now: datetime) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def _clock(match: re.Match[str], now: datetime) -> datetime | None:
    """A time of day; a bare number such as `resets 3` is none."""
    if not match["half"] and not match["minute"]:
        return None
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004 - a clock with two halves
            return None
        hour = hour % 12 + (12 if match["half"].lower().startswith("p") else 0)
    here = now.astimezone(_zone(match["zone"], now))
    try:
        moment = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return _on_day(match, moment, here)
    except ValueError:
        return None


def _on_day(match: re.Match[str], moment: datetime, here: datetime) -> datetime:
    if not match["month"]:
        return moment if moment > here else moment + timedelta(days=1)
    month, day = _MONTHS.index(match["month"].lower()) + 1, int(match["day"])
    dated = moment.replace(year=int(match["year"] or here.year), month=month, day=day)
    passed = dated < here - timedelta(days=1) and not match["year"]
    return dated.replace(year=dated.year + 1) if passed else dated


def _zone(name: str | None, now: datetime) -> tzinfo | None:
    if not name:
        return now.tzinfo
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return now.tzinfo
