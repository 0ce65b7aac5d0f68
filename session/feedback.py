"""What of an evaluator's output reaches the agent: the log as the contract allows, and numbers of so many digits.

Guarantee: with `errors` an exception is named by its class and the target's line, never by its message; with `none`
nothing is shown; with both, what a reason quotes of an evaluator's words is left out. Edge: code of the target may
print what looks like an exception, and see no private data to put in it.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from .contract import Contract
from .files import read_at_most
from .numbers import show
from .plan import log_path, score_log_path, secrets
from .untrusted import printable

_MOST_BYTES = 2_000_000
# A whole number that counts something else than a metric stays: a trial, a line, an exit code, seconds, bytes.
_NUMBER = re.compile(
    r"(?<![\w.])(?<!\btrial )(?<!\bline )(?<!\bcode )(?<!\blimit of )(?<!\blines, best )"
    r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w|\.\w)(?! (?:s|bytes|lines|times|other)\b)"
)
# Untrusted text as `sandbox.numerals.shown` writes it. An apostrophe within a word opens nothing; what stays open ends
# with the text.
_QUOTED = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.)*(?:'|$)|\"(?:[^\"\\]|\\.)*(?:\"|$))", re.DOTALL)
_LEFT_OUT = "'\N{HORIZONTAL ELLIPSIS}'"
_FRAME = re.compile(r'\s+File "(?P<path>[^"]+)", line (?P<line>\d+), in ')
_RAISED = re.compile(r"(?P<name>[A-Za-z_][A-Za-z_.]{0,60})(:|$)")
_BEGIN = "Traceback (most recent call last):"


def log_lines(contract: Contract, home: Path, number: int, run: int = 0) -> list[str]:
    """The lines of a run's log that the agent may see, those of its second phase last.

    Args:
        contract: What the session is bound to.
        home: The session's state folder.
        number: Of the trial.
        run: Which of its repeats.
    """
    mode = contract.log_shown
    if mode == "none":
        return []
    if mode == "errors":
        first, second = (read_lines(path(home, number, run)) for path in (log_path, score_log_path))
        errors = [*_errors(first, contract.target.path), *(f"score phase: {said}" for said in _errors(second, ""))]
        return [*errors, "(messages and other output are for people only: feedback.log in program.md)"]
    hidden = tuple(secrets(contract).values())
    return [_without(line, hidden) for line in all_lines(home, number, run)]


def all_lines(home: Path, number: int, run: int = 0) -> list[str]:
    """Everything that a run's log holds, for people."""
    first, second = (read_lines(path(home, number, run)) for path in (log_path, score_log_path))
    return [*first, *(["--- score phase ---", *second] if second else [])]


def read_lines(path: Path) -> list[str]:
    """The lines of a log, without control characters; empty if there is none."""
    if not path.is_file():
        return []
    text = read_at_most(path, _MOST_BYTES).decode("utf-8", "replace")
    return [printable(line) for line in text.splitlines()]


def shown(contract: Contract, value: float) -> float:
    """A metric as the agent sees it."""
    digits = contract.feedback.digits
    return value if digits is None else float(f"{value:.{digits}g}")


def told(contract: Contract, text: str) -> str:
    """A reason as the agent sees it: numbers of so many digits, and where logs are not shown, nothing of theirs.

    Args:
        contract: What the session is bound to.
        text: A sentence of ours, in which what an evaluator said is quoted by `sandbox.numerals.shown`.
    """
    if contract.log_shown != "tail":
        text = _QUOTED.sub(_LEFT_OUT, text)
    digits = contract.feedback.digits
    return text if digits is None else _NUMBER.sub(lambda found: _rounded(found[0], digits), text)


def _rounded(numeral: str, digits: int) -> str:
    """A numeral of no more digits stays as it is written."""
    significant = re.split("[eE]", numeral)[0].lstrip("+-").replace(".", "").strip("0")
    value = float(numeral)
    fits = len(significant) <= digits or not math.isfinite(value)
    return numeral if fits else show(float(f"{value:.{digits}g}"))


def _errors(lines: list[str], target: str) -> Iterator[str]:
    """Name each exception of a Python log by its class, and the last of its frames that is the target's."""
    place, inside = "", False
    for line in lines:
        if line.strip() == _BEGIN:
            place, inside = "", True
        elif inside and (frame := _FRAME.match(line)):
            own = target and frame["path"].endswith(f"/{target}")
            place = f" at {target} line {frame['line']}" if own else place
        elif inside and not line.startswith((" ", "\t")):
            raised = _RAISED.match(line)
            yield f"{raised['name'] if raised else 'an exception'}{place}"
            inside = False


def _without(line: str, hidden: tuple[str, ...]) -> str:
    for secret in hidden:
        line = line.replace(secret, "[secret]")
    return line
