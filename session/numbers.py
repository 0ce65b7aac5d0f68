"""Floats as the decimals that people read.

Guaranteed: each float stands for its shortest decimal (`repr`), and what is computed from those is exact, so that 0.3
against 0.2 is a gain of 0.1 and not a little less.
"""

import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction

Metrics = Mapping[str, float]


def exact(value: float) -> Fraction:
    """The shortest decimal of a finite float, as an exact number."""
    return Fraction(repr(float(value)))


def show(value: float | Fraction) -> str:
    """The shortest decimal that reads back as this number."""
    try:
        return repr(float(value)).removesuffix(".0")
    except OverflowError:
        return "a number out of range"


def median_metrics(runs: Sequence[Metrics]) -> dict[str, float]:
    """The median of each metric that all runs have; of an even number, the mean of the middle two."""
    first: Metrics = runs[0] if runs else {}
    names = [name for name in first if all(name in run for run in runs)]
    return {name: float(statistics.median([exact(run[name]) for run in runs])) for name in names}
