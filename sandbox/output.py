"""From what a trial printed and left to its metrics.

Sources: lines `name: value` (as in Karpathy's autoresearch) and `METRIC name=value` of standard output, a JSON
object as its last line or all of it, and the files that `documents` knows. All must agree. What the contract
asks for is read strictly or not at all: one odd numeral, contradiction or missing name is a fault, never
a zero; so is `eval_cost_usd`, which may be missing. Other numbers are returned where they are clean and left out
where they are not.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from . import documents
from .documents import Claim
from .numerals import NotANumberError, number, shown

RESERVED = frozenset({"wall_seconds", "cpu_seconds", "peak_memory_gb"})
EVAL_COST = "eval_cost_usd"
LINES = "lines of standard output"
_LINE_SOURCE = "line "
_MOST_EXTRAS = 100
_LONGEST_NAME = 100
_ENOUGH = 2
_MOST_LINES = 500_000
_CANDIDATE = re.compile(rb"^[^\n]*[:=][^\n]*", re.MULTILINE)
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_./-]*)[ \t]*:(.*)", re.ASCII)
_MARKED = re.compile(r"METRIC[ \t]+([^\s=]+)[ \t]*=(.*)", re.ASCII)


class OutputError(ValueError):
    """The metrics cannot be read; the message is the reason of the crash, one sentence."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Every metric that was reported, by name, and by which channels those of the contract came."""

    metrics: Mapping[str, float]
    channels: tuple[str, ...]


def read(
    stdout: bytes,
    files: Mapping[str, bytes],
    names: Iterable[str],
    measured: Mapping[str, float],
    channels: Collection[str] = (),
) -> Reading:
    """Return what was reported.

    Args:
        stdout: Standard output of a run that ended with exit code 0.
        files: Result files that it left, by name relative to its output folder.
        names: What the contract asks for.
        measured: What was measured from outside; it alone may answer for a reserved name.
        channels: Where the contract's metrics are taken from, out of `LINES` and the names in `documents`; what else
            looks like one is something that an evaluator repeats. Any by default.

    Raises:
        OutputError: a contract metric is missing, odd or contradicted, or a result file is unfit.
    """
    asked = tuple(names)
    ledger = _Ledger(frozenset({*asked, EVAL_COST}) - RESERVED)
    used: set[str] = set()
    try:
        for claim in chain(_printed(stdout, ledger.asked), documents.claims(stdout, files)):
            channel = LINES if claim.source.startswith(_LINE_SOURCE) else claim.source
            if claim.name in asked and claim.name not in RESERVED:
                if channels and channel not in channels:
                    continue
                used.add(channel)
            ledger.take(claim)
    except documents.DocumentError as error:
        raise OutputError(str(error)) from error
    contract = {name: measured[name] if name in RESERVED else ledger.agreed(name) for name in asked}
    cost = {EVAL_COST: ledger.agreed(EVAL_COST)} if ledger.claimed(EVAL_COST) else {}
    return Reading(ledger.extras | cost | contract, tuple(sorted(used)))


def _printed(stdout: bytes, asked: frozenset[str]) -> Iterator[Claim]:
    patterns = [_MARKED, _LINE, *(re.compile(rf"({re.escape(name)})[ \t]*:(.*)") for name in sorted(asked))]
    index, counted = 1, 0
    for number_of_line, found_line in enumerate(_CANDIDATE.finditer(stdout)):
        if number_of_line >= _MOST_LINES:
            raise OutputError(f"more than {_MOST_LINES} lines of standard output could be metrics; print fewer")
        index += stdout.count(b"\n", counted, found_line.start())
        counted = found_line.start()
        line = found_line[0].decode("utf-8", "surrogateescape").removesuffix("\r")
        match = next((found for pattern in patterns if (found := pattern.match(line))), None)
        if match:
            yield Claim(match[1], match[2].strip(" \t"), f"{_LINE_SOURCE}{index}")


class _Ledger:
    """What was claimed so far; bounded, however much a trial prints."""

    def __init__(self, asked: frozenset[str]) -> None:
        self.asked = asked
        self.extras: dict[str, float] = {}
        self._spoiled: set[str] = set()
        self._claims: dict[str, dict[float, Claim]] = {name: {} for name in asked}

    def take(self, claim: Claim) -> None:
        """Note a claim; an odd one of the contract's raises OutputError at once."""
        if claim.name in self.asked:
            seen = self._claims[claim.name]
            value = _value(claim)
            if len(seen) < _ENOUGH:
                seen.setdefault(value, claim)
        elif claim.name not in RESERVED and len(claim.name) <= _LONGEST_NAME:
            self._take_extra(claim)

    def _take_extra(self, claim: Claim) -> None:
        known = len(self.extras) + len(self._spoiled)
        if claim.name in self._spoiled or (claim.name not in self.extras and known >= _MOST_EXTRAS):
            return
        try:
            value = _value(claim)
        except OutputError:
            value = None
        if value is None or self.extras.setdefault(claim.name, value) != value:
            self._spoiled.add(claim.name)
            self.extras.pop(claim.name, None)

    def claimed(self, name: str) -> bool:
        """Return whether a name that is read strictly was reported at all."""
        return bool(self._claims[name])

    def agreed(self, name: str) -> float:
        """Return the one value of a name that is read strictly."""
        seen = list(self._claims[name].items())
        if not seen:
            raise OutputError(f"{name} was not reported: {self._hint(name)}")
        if len(seen) > 1:
            (_, first), (_, second) = seen
            raise OutputError(
                f"{name} was reported twice with different values: "
                f"{shown(str(first.value))} in {first.source}, {shown(str(second.value))} in {second.source}"
            )
        return seen[0][0]

    def _hint(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.extras, n=1)
        found = (
            f"the nearest name found is {shown(near[0])}" if near else f"{len(self.extras)} other numbers were found"
        )
        return f"{found}; expected a line '{name}: <number>' on standard output or one of the result files"


def _value(claim: Claim) -> float:
    if not isinstance(claim.value, str):
        raise OutputError(f"{claim.name} in {claim.source} is {claim.value.kind}, expected a number")
    try:
        return number(claim.value)
    except NotANumberError as error:
        raise OutputError(f"{claim.name} in {claim.source}: {error}") from error
