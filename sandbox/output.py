"""From what a trial printed and left to its metrics.

Sources: lines `name: value` (as in Karpathy's autoresearch) and `METRIC name=value` of standard output, a JSON
object as its last line or all of it, and the files that `documents` knows. All must agree. What the contract
asks for is read strictly or not at all: one odd numeral, contradiction or missing name is a fault, never
a zero. Other numbers are returned where they are clean and left out where they are not.
"""

import difflib
import re
from collections.abc import Iterable, Mapping

from . import documents
from .documents import Claim
from .numerals import NotANumberError, number, shown

RESERVED = frozenset({"wall_seconds", "cpu_seconds", "peak_memory_gb"})
_MOST_EXTRAS = 100
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_./-]*)[ \t]*:(.*)", re.ASCII)
_MARKED = re.compile(r"METRIC[ \t]+([^\s=]+)[ \t]*=(.*)", re.ASCII)


class OutputError(ValueError):
    """The metrics cannot be read; the message is the reason of the crash, one sentence."""


def read(
    stdout: bytes, files: Mapping[str, bytes], names: Iterable[str], measured: Mapping[str, float]
) -> dict[str, float]:
    """Return every metric that was reported, by name.

    Args:
        stdout: Standard output of a run that ended with exit code 0.
        files: Result files that it left, by name relative to its output folder.
        names: What the contract asks for.
        measured: What was measured from outside; it alone may answer for a reserved name.

    Raises:
        OutputError: a contract metric is missing, odd or contradicted, or a result file is unfit.
    """
    asked = tuple(names)
    try:
        claims = [*_printed(stdout, frozenset(asked)), *documents.claims(stdout, files)]
    except documents.DocumentError as error:
        raise OutputError(str(error)) from error
    claims = [claim for claim in claims if claim.name not in RESERVED]
    metrics = {name: measured[name] if name in RESERVED else _agreed(name, claims) for name in asked}
    return _extras(claims, frozenset(asked)) | metrics


def _printed(stdout: bytes, asked: frozenset[str]) -> Iterable[Claim]:
    patterns = [_MARKED, _LINE, *(re.compile(rf"({re.escape(name)})[ \t]*:(.*)") for name in sorted(asked))]
    for index, line in enumerate(stdout.decode("utf-8", "surrogateescape").split("\n"), start=1):
        match = next((found for pattern in patterns if (found := pattern.match(line.removesuffix("\r")))), None)
        if match:
            yield Claim(match[1], match[2].strip(" \t"), f"line {index}")


def _agreed(name: str, claims: list[Claim]) -> float:
    """Return the one value of a contract metric."""
    seen: dict[float, Claim] = {}
    for claim in claims:
        if claim.name == name:
            seen.setdefault(_value(claim), claim)
    if not seen:
        raise OutputError(f"{name} was not reported: {_hint(name, claims)}")
    if len(seen) > 1:
        first, second = list(seen.values())[:2]
        raise OutputError(
            f"{name} was reported twice with different values: "
            f"{shown(str(first.value))} in {first.source}, {shown(str(second.value))} in {second.source}"
        )
    return next(iter(seen))


def _value(claim: Claim) -> float:
    if not isinstance(claim.value, str):
        raise OutputError(f"{claim.name} in {claim.source} is {claim.value.kind}, expected a number")
    try:
        return number(claim.value)
    except NotANumberError as error:
        raise OutputError(f"{claim.name} in {claim.source}: {error}") from error


def _hint(name: str, claims: list[Claim]) -> str:
    names = {claim.name for claim in claims if isinstance(claim.value, str)}
    near = difflib.get_close_matches(name, names, n=1)
    found = f"the nearest name found is {shown(near[0])}" if near else f"{len(names)} other numbers were found"
    return f"{found}; expected a line '{name}: <number>' on standard output or one of the result files"


def _extras(claims: list[Claim], asked: frozenset[str]) -> dict[str, float]:
    """Return the other numbers that are clean and not contradicted."""
    found: dict[str, float] = {}
    spoiled: set[str] = set(asked)
    for claim in claims:
        if claim.name in spoiled or (claim.name not in found and len(found) >= _MOST_EXTRAS):
            continue
        try:
            value = _value(claim)
        except OutputError:
            value = None
        if value is None or found.setdefault(claim.name, value) != value:
            spoiled.add(claim.name)
            found.pop(claim.name, None)
    return found
