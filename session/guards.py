"""The limits that every trial has to meet whatever the rule says: believable numbers, and guards.

A limit that cannot be computed fails closed: a ratio against a baseline that is not above 0 is a broken guard.
"""

import math
from collections.abc import Iterator
from fractions import Fraction

from .contract import Contract
from .numbers import Metrics, exact, show


def judge_baseline(contract: Contract, metrics: Metrics) -> str | None:
    """Why these metrics cannot be the baseline, or None."""
    ratios = (
        f"{name} {show(metrics[name])}: min_ratio and max_ratio need a baseline above 0"
        for name, guard in contract.guards.items()
        if (guard.min_ratio or guard.max_ratio) and metrics[name] <= 0
    )
    return unbelievable(contract, metrics) or next(ratios, None)


def baseline_warnings(contract: Contract, metrics: Metrics) -> tuple[str, ...]:
    """The guards that the baseline itself fails; until one trial passes them, nothing can be kept."""
    return tuple(broken_guards(contract, metrics, metrics))


def unbelievable(contract: Contract, metrics: Metrics) -> str | None:
    """The first metric of the contract that is missing, not finite or out of bounds, or None."""
    for name, metric in contract.metrics.items():
        if name not in metrics:
            return f"{name} is missing from the output"
        value = metrics[name]
        if not math.isfinite(value):
            return f"{name} is not a finite number"
        low, high = metric.bounds or (-math.inf, math.inf)
        if not low <= value <= high:
            return f"{name} {show(value)} is outside of its bounds {show(low)} to {show(high)}"
    return None


def broken_guards(contract: Contract, baseline: Metrics, metrics: Metrics) -> Iterator[str]:
    """One sentence for each limit of a guard that is not met."""
    for name, guard in contract.guards.items():
        value = exact(metrics[name])
        start = exact(baseline[name])
        limits = [(guard.min, 1, "min", Fraction(1)), (guard.max, -1, "max", Fraction(1))]
        limits += [(guard.min_ratio, 1, "min_ratio", start), (guard.max_ratio, -1, "max_ratio", start)]
        for limit, sign, key, unit in limits:
            if limit is None:
                continue
            if unit <= 0:
                yield f"{name}: {key} needs a baseline above 0, not {show(start)}"
            elif (value - exact(limit) * unit) * sign < 0:
                needed = f"{'>=' if sign > 0 else '<='} {show(exact(limit) * unit)}"
                yield f"guard {name} {show(value)}, needs {needed} ({key} {show(limit)})"
