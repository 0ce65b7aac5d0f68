"""JSON and result files of evaluators, taken apart into claims `name = numeral`.

Formats: one JSON object on standard output; `$REFEREE_METRICS`; in `$REFEREE_RESULTS` `metrics.json` with
`correct.json` (as ShinkaEvolve's evaluators write them) and `reward.json` or `reward.txt` (as Harbor's tasks do).
Nested names are joined by dots; those of an object `public` stand for themselves; `private` is never read.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from .numerals import shown

LARGEST = 1024 * 1024
_DEEPEST = 4
_METRICS, _RESULTS = "metrics.json", "results/metrics.json"
_CORRECT, _REWARD, _REWARD_TEXT = "results/correct.json", "results/reward.json", "results/reward.txt"
_PUBLIC, _PRIVATE = "public", "private"


class DocumentError(ValueError):
    """A result file or JSON object is unfit; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Other:
    """A JSON value that is no number."""

    kind: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One reported metric: its numeral as it was written (or what else stood there), and where."""

    name: str
    value: str | Other
    source: str


class _Numeral(str):
    """The text of a JSON number, kept as it was written."""

    __slots__ = ()


def claims(stdout: bytes, files: Mapping[str, bytes]) -> Iterator[Claim]:
    """Yield what the JSON on standard output and the result files report.

    Raises:
        DocumentError: a file is no JSON object, has a key twice, or says that the result is not correct.
    """
    yield from _last_line(stdout)
    if _METRICS in files:
        yield from _flat(_object(files[_METRICS], "$REFEREE_METRICS"), "$REFEREE_METRICS")
    if _RESULTS in files or _CORRECT in files:
        _require_correct(files.get(_CORRECT))
        if _RESULTS in files:
            yield from _flat(_object(files[_RESULTS], "metrics.json"), "metrics.json")
    if _REWARD in files:
        yield from _flat(_object(files[_REWARD], "reward.json"), "reward.json")
    if _REWARD_TEXT in files:
        yield Claim("reward", files[_REWARD_TEXT].decode("utf-8", "surrogateescape").strip(" \t\r\n"), "reward.txt")


def _last_line(stdout: bytes) -> Iterator[Claim]:
    end = stdout[-LARGEST:].rstrip(b" \t\r\n")
    whole = end.lstrip(b" \t\r\n") if len(stdout) <= LARGEST else b""
    for candidate in (whole, end.rpartition(b"\n")[2].strip(b" \t\r")):
        if not (candidate.startswith(b"{") and candidate.endswith(b"}")):
            continue
        try:
            document = _parsed(candidate)
        except DocumentError:
            raise
        except ValueError:
            continue
        yield from _flat(document, "the JSON on standard output")
        return


def _object(data: bytes, source: str) -> dict[str, Any]:
    try:
        document = _parsed(data)
    except DocumentError:
        raise
    except ValueError as error:
        raise DocumentError(f"{source} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{source} holds no JSON object")
    return cast("dict[str, Any]", document)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_float=_Numeral,
            parse_int=_Numeral,
            parse_constant=_Numeral,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise DocumentError(f"a JSON object has the key {shown(twice)} twice")
    return found


def _flat(document: dict[str, Any], source: str) -> Iterator[Claim]:
    waiting: list[tuple[str, dict[str, Any], int]] = [("", document, 0)]
    while waiting:
        prefix, current, depth = waiting.pop()
        for key, value in current.items():
            if isinstance(value, _Numeral):
                yield Claim(prefix + key, value, source)
            elif not isinstance(value, dict):
                yield Claim(prefix + key, Other(_kind(cast("object", value))), source)
            elif key != _PRIVATE and depth < _DEEPEST:
                inner = prefix if key == _PUBLIC else f"{prefix}{key}."
                waiting.append((inner, cast("dict[str, Any]", value), depth + 1))


def _kind(value: object) -> str:
    kinds = {type(None): "null", bool: "true or false", str: "text", list: "a list"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), "no number")


def _require_correct(data: bytes | None) -> None:
    if data is None:
        raise DocumentError('metrics.json was left without correct.json; expected {"correct": true} beside it')
    document = _object(data, "correct.json")
    if document.get("correct") is not True:
        _refuse(document.get("error"))


def _refuse(error: Any) -> NoReturn:
    detail = f": {shown(error)}" if isinstance(error, str) and error and not isinstance(error, _Numeral) else ""
    raise DocumentError(f"correct.json does not say that the result is correct{detail}")
