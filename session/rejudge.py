"""A verdict judged once more from the numbers in the journal.

Guarantee: whatever the judge would say otherwise on the recorded numbers is named. The numbers are taken as recorded.
"""

from collections.abc import Mapping
from typing import Any, cast

from ..sandbox.spec import Outcome
from . import judge
from .numbers import median_metrics
from .state import State


def standing(state: State) -> judge.Standing | None:
    """What a trial would be measured against now; None before the baseline."""
    baseline, best = state.baseline, state.best_trial
    if baseline is None or best is None:
        return None
    return judge.Standing(baseline.metrics, best.metrics, best.lines, state.record)


def contradictions(state: State, number: int, data: Mapping[str, Any]) -> list[str]:
    """What speaks against a `trial_measured` record, given the state before it."""
    measured = data["measurement"]
    said: list[str] = []
    # a failure that the sandbox saw has its reason; without one, it was the judge who did not believe the numbers
    numbers_count = not measured["reason"]
    if numbers_count and measured["metrics"] != median_metrics(measured["runs"]):
        said.append(f"its metrics {measured['metrics']} are not the medians of its runs {measured['runs']}")
    expected = _expected(state, number, data, numbers_count=numbers_count)
    if expected is None:
        return [*said, "it was judged before there was a baseline"]
    for name, judged, recorded in (
        ("verdict", expected.verdict.value, data["verdict"]),
        ("reason", expected.reason, data["reason"]),
        ("may_keep", expected.may_keep, data["may_keep"]),
    ):
        if judged != recorded:
            said.append(f"{name} is recorded as {recorded!r}, the judge says {judged!r}")
    return said


def _expected(state: State, number: int, data: Mapping[str, Any], *, numbers_count: bool) -> judge.Judgement | None:
    contract, measured = state.opened.contract, data["measurement"]
    if number == 0:
        fault = measured["reason"] or judge.judge_baseline(contract, measured["metrics"])
        verdict = judge.Verdict.CRASH if fault else judge.Verdict.EQUAL
        return judge.Judgement(verdict, fault or "the baseline", may_keep=not fault)
    against = standing(state)
    if against is None:
        return None
    outcome = cast("Outcome", "ok" if numbers_count else measured["outcome"])
    candidate = judge.Candidate(outcome, measured["reason"], measured["metrics"], data["lines"])
    return judge.judge(contract, against, candidate)
