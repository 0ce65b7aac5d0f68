"""Frozen: compares predictions with the labels of one split and prints `auc` and `sensitivity`.

usage: score.py [--split validation|test] PREDICTIONS

`auc` is the share of pairs of a case with and one without a lesion in which the first has the higher probability, ties
counted half. `sensitivity` is the share of the cases with a lesion that are found at a threshold at which at least 80 %
of those without one are not. Predictions that are not exactly one sound number for each unlabelled case have no score:
exit code 1 and an exception. Each reason is a class of its own, because its name is all that the agent is told. No
label is ever named.
"""

import argparse
import csv
import math
import re
from collections.abc import Iterator
from pathlib import Path

SPECIFICITY = 0.8
MAX_BYTES = 65_536
HERE = Path(__file__).resolve().parent
LABELS = {"validation": HERE / "labels" / "validation.csv", "test": HERE / "test" / "labels.csv"}
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


class PredictionError(Exception):
    """There is no score."""


class NoPlainFileError(PredictionError):
    """The predictions are a link, a folder, or nothing."""


class TooLargeError(PredictionError):
    """The file is larger than any honest one."""


class FormatError(PredictionError):
    """The file is no table of cases and probabilities."""


class UnknownCaseError(PredictionError):
    """A case that is not to be predicted."""


class DuplicateCaseError(PredictionError):
    """A case stands there twice."""


class MissingCaseError(PredictionError):
    """A case has no probability."""


class NotANumberError(PredictionError):
    """A probability is no finite decimal number."""


class OutOfRangeError(PredictionError):
    """A probability is not between 0 and 1."""


def unlabelled() -> set[str]:
    """Return the cases that are to be predicted."""
    lines = (HERE / "images" / "unlabelled.txt").read_text(encoding="ascii").splitlines()
    return {line.partition(" ")[0] for line in lines}


def read_labels(split: str) -> dict[str, bool]:
    """Return for each case of a split whether there is a lesion."""
    with LABELS[split].open(encoding="ascii", newline="") as file:
        return {row["case"]: row["lesion"] == "1" for row in csv.DictReader(file)}


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a CSV file with their numbers, the head first."""
    if not path.is_file() or path.is_symlink():
        raise NoPlainFileError(f"{path}")
    if path.stat().st_size > MAX_BYTES:
        raise TooLargeError(f"{path} has more than {MAX_BYTES} bytes")
    try:
        text = path.read_text(encoding="ascii")
        yield from enumerate(csv.reader(text.splitlines(), strict=True), start=1)
    except (UnicodeDecodeError, csv.Error):
        raise FormatError(f"{path} is no CSV file of ASCII text") from None


def read_probability(text: str, line: int) -> float:
    """Return a decimal from 0 to 1."""
    if not NUMBER.fullmatch(text):
        raise NotANumberError(f"line {line}: {text[:40]!r}")
    if not 0 <= float(text) <= 1:
        raise OutOfRangeError(f"line {line}: {text[:40]!r}")
    return float(text)


def read_predictions(path: Path, wanted: set[str]) -> dict[str, float]:
    """Return the probability of each case; exactly the wanted ones, each once."""
    rows = read_rows(path)
    if next(rows, (1, []))[1] != ["case", "probability"]:
        raise FormatError("line 1: expected the head 'case,probability'")
    found: dict[str, float] = {}
    for line, row in rows:
        if len(row) != 2:
            raise FormatError(f"line {line}: expected a case and a probability, found {len(row)} fields")
        if row[0] not in wanted:
            raise UnknownCaseError(f"line {line}: {row[0][:40]!r}")
        if row[0] in found:
            raise DuplicateCaseError(f"line {line}: {row[0]}")
        found[row[0]] = read_probability(row[1], line)
    if missing := wanted - found.keys():
        raise MissingCaseError(f"{len(missing)} of them; the first is {min(missing)}")
    return found


def auc(diseased: list[float], healthy: list[float]) -> float:
    """Return the area under the receiver operating characteristic, by counting pairs."""
    twice = sum(2 if one > other else one == other for one in diseased for other in healthy)
    return twice / (2 * len(diseased) * len(healthy))


def sensitivity(diseased: list[float], healthy: list[float]) -> float:
    """Return the share that is found at the stated specificity."""
    threshold = sorted(healthy)[math.ceil(SPECIFICITY * len(healthy)) - 1]
    return sum(value > threshold for value in diseased) / len(diseased)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", choices=LABELS, default="validation")
    parser.add_argument("predictions", type=Path)
    given = parser.parse_args()
    found = read_predictions(given.predictions, unlabelled())
    truth = read_labels(given.split)
    diseased = [found[case] for case, lesion in truth.items() if lesion]
    healthy = [found[case] for case, lesion in truth.items() if not lesion]
    print(f"auc: {auc(diseased, healthy):.6f}")
    print(f"sensitivity: {sensitivity(diseased, healthy):.6f}")


if __name__ == "__main__":
    main()
