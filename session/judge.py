"""Whether a trial may be kept: a pure function of numbers.

Guaranteed: values are compared as a person reads their decimals (see `numbers`). A chain of keeps never brings a
judged metric to `min_delta` behind its record or further (rules primary and pareto), or the weighted sum behind what
it was (rule weighted). The numbers are taken as they come: whether they are honest is the sandbox's business.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from ..sandbox.spec import Outcome
from .contract import Contract, Metric
from .guards import baseline_warnings, broken_guards, judge_baseline, unbelievable
from .numbers import Metrics, exact, median_metrics, show

__all__ = [
    "Candidate",
    "Judgement",
    "Metrics",
    "Standing",
    "Verdict",
    "baseline_warnings",
    "judge",
    "judge_baseline",
    "median_metrics",
    "update_record",
]


class Verdict(StrEnum):
    """The judge's answer."""

    IMPROVED = "improved"
    SIMPLER = "simpler"
    EQUAL = "equal"
    WORSE = "worse"
    GUARD_FAILED = "guard_failed"
    TIMEOUT = "timeout"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a trial is measured against.

    Attributes:
        baseline: Metrics of trial 0.
        best: Metrics of the last kept trial.
        lines: Non-blank lines of the target in the last kept trial.
        record: The best value of every metric over all kept trials.
    """

    baseline: Metrics
    best: Metrics
    lines: int
    record: Metrics


@dataclass(frozen=True, slots=True)
class Candidate:
    """A measured trial: its outcome with the reason, its metrics (medians) and the target's non-blank lines."""

    outcome: Outcome
    reason: str
    metrics: Metrics
    lines: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, one sentence of reason, and whether `keep` is allowed."""

    verdict: Verdict
    reason: str
    may_keep: bool


def judge(contract: Contract, standing: Standing, candidate: Candidate) -> Judgement:
    """Judge a trial: crash and timeout first, then unbelievable numbers, guards, and last the rule."""
    if candidate.outcome != "ok":
        return Judgement(Verdict(candidate.outcome), candidate.reason, may_keep=False)
    if fault := unbelievable(contract, candidate.metrics):
        return Judgement(Verdict.CRASH, fault, may_keep=False)
    if fault := "; ".join(broken_guards(contract, standing.baseline, candidate.metrics)):
        return Judgement(Verdict.GUARD_FAILED, fault, may_keep=False)
    verdict, reason = _RULES[contract.keep.rule](contract, standing, candidate.metrics)
    if verdict is Verdict.EQUAL and contract.keep.simplicity:
        verdict, reason = _simplicity(contract, standing, candidate, reason)
    return Judgement(verdict, reason, may_keep=verdict in {Verdict.IMPROVED, Verdict.SIMPLER})


def update_record(contract: Contract, record: Metrics, kept: Metrics) -> dict[str, float]:
    """The record after one more kept trial: the better value of every metric of the contract."""
    return {
        name: kept[name] if _gain(metric, kept[name], record[name]) > 0 else record[name]
        for name, metric in contract.metrics.items()
    }


def _gain(metric: Metric, value: float, reference: float) -> Fraction:
    """How much better the value is, in the direction of the metric's goal; negative if it is worse."""
    gain = exact(value) - exact(reference)
    return gain if metric.goal == "maximize" else -gain


def _judged(contract: Contract) -> dict[str, Metric]:
    return {name: metric for name, metric in contract.metrics.items() if metric.role == "metric"}


def _grade(gain: Fraction, min_delta: Fraction) -> Verdict:
    if gain > 0 and gain >= min_delta:
        return Verdict.IMPROVED
    return Verdict.EQUAL if gain == 0 or -gain < min_delta else Verdict.WORSE


def _primary(contract: Contract, standing: Standing, metrics: Metrics) -> tuple[Verdict, str]:
    name = contract.primary
    metric = contract.metrics[name]
    gain = _gain(metric, metrics[name], standing.best[name])
    return _grade(gain, exact(metric.min_delta)), _against_best(name, metric, metrics[name], standing.best[name])


def _against_best(name: str, metric: Metric, value: float, best: float) -> str:
    delta = exact(metric.min_delta)
    needed = exact(best) + (delta if metric.goal == "maximize" else -delta)
    relation = {"maximize": ">", "minimize": "<"}[metric.goal] + ("=" if delta else "")
    margin = f" (min_delta {show(delta)})" if delta else ""
    return f"{name} {show(value)}, best {show(best)}, needs {relation} {show(needed)}{margin}"


def _pareto(contract: Contract, standing: Standing, metrics: Metrics) -> tuple[Verdict, str]:
    """None worse than best or record by its `min_delta`, at least one better than best by it."""
    reasons: list[str] = []
    grades = set[Verdict]()
    for name, metric in _judged(contract).items():
        delta = exact(metric.min_delta)
        grade = _grade(_gain(metric, metrics[name], standing.best[name]), delta)
        if _behind_record(metric, metrics[name], standing.record[name]):
            grade = Verdict.WORSE
        grades.add(grade)
        reasons.append(f"{name} {show(metrics[name])} is {grade} (best {show(standing.best[name])})")
    order = (Verdict.WORSE, Verdict.IMPROVED, Verdict.EQUAL)
    return next(grade for grade in order if grade in grades), "; ".join(reasons)


def _weighted(contract: Contract, standing: Standing, metrics: Metrics) -> tuple[Verdict, str]:
    """The sum of weight * gain / |baseline| (1 for a baseline of 0), against the primary's `min_delta` scaled so."""
    total, threshold = _weighted_gain(contract, standing, metrics)
    relation = ">=" if threshold else ">"
    return _grade(total, threshold), f"weighted gain {show(total)}, needs {relation} {show(threshold)}"


def _weighted_gain(contract: Contract, standing: Standing, metrics: Metrics) -> tuple[Fraction, Fraction]:
    total = threshold = Fraction(0)
    for name, metric in _judged(contract).items():
        share = exact(contract.keep.weights[name]) / (abs(exact(standing.baseline[name])) or 1)
        total += share * _gain(metric, metrics[name], standing.best[name])
        if name == contract.primary:
            threshold = share * exact(metric.min_delta)
    return total, threshold


_RULES = {"primary": _primary, "pareto": _pareto, "weighted": _weighted}


def _simplicity(contract: Contract, standing: Standing, candidate: Candidate, reason: str) -> tuple[Verdict, str]:
    """Equal and fewer lines is simpler, unless a chain of such trials would drift away from what was reached."""
    if candidate.lines >= standing.lines:
        return Verdict.EQUAL, f"{reason}; {candidate.lines} lines, best {standing.lines}"
    if drift := _drift(contract, standing, candidate.metrics):
        return Verdict.EQUAL, f"{reason}; fewer lines, but {drift}"
    return Verdict.SIMPLER, f"{reason}; equal with {candidate.lines} lines, best {standing.lines}"


def _drift(contract: Contract, standing: Standing, metrics: Metrics) -> str:
    """Why an equal trial is too far behind; rule pareto has looked at every record already."""
    if contract.keep.rule == "weighted":
        return "a weighted gain below 0" if _weighted_gain(contract, standing, metrics)[0] < 0 else ""
    name = contract.primary
    metric, record = contract.metrics[name], standing.record[name]
    if not _behind_record(metric, metrics[name], record):
        return ""
    return f"not within min_delta {show(metric.min_delta)} of the record {name} {show(record)}"


def _behind_record(metric: Metric, value: float, record: float) -> bool:
    return _grade(_gain(metric, value, record), exact(metric.min_delta)) is Verdict.WORSE
