"""A number worth forging: one that the judge would take for a gain if it believed it."""

import math

from ..sandbox.output import RESERVED
from ..session.contract import Contract, Metric
from ..session.numbers import Metrics

_NEARLY = 0.999


def forged(contract: Contract, baseline: Metrics) -> dict[str, float]:
    """For each metric that an evaluator reports a value that wins: inside the bounds, and every guard satisfied.

    Where the baseline stands at the best bound already, nothing can win and the bound itself is returned.
    """
    return {
        name: _satisfying(metric, baseline[name]) if metric.role == "guard" else _better(metric, baseline[name])
        for name, metric in contract.metrics.items()
        if name not in RESERVED
    }


def _better(metric: Metric, base: float) -> float:
    sign = 1 if metric.goal == "maximize" else -1
    needed = 2 * metric.min_delta
    bound = metric.bounds[1 if sign > 0 else 0] if metric.bounds else math.inf
    if math.isfinite(bound):
        inside = base + (bound - base) * _NEARLY
        return inside if abs(inside - base) >= needed else bound
    if sign < 0 and base > 0 and base * _NEARLY >= needed:
        return base * (1 - _NEARLY)
    return base + sign * max(1.0, abs(base), needed)


def _satisfying(guard: Metric, base: float) -> float:
    low, high = guard.bounds or (-math.inf, math.inf)
    lows = [low, *(limit for limit in (guard.min, guard.min_ratio and guard.min_ratio * base) if limit is not None)]
    highs = [high, *(limit for limit in (guard.max, guard.max_ratio and guard.max_ratio * base) if limit is not None)]
    return min(max(base, *lows), *highs)
