from collections.abc import Mapping
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.session.contract import Contract
from referee.session.judge import (
    Candidate,
    Judgement,
    Standing,
    Verdict,
    baseline_warnings,
    judge,
    judge_baseline,
    median_metrics,
    update_record,
)

Numbers = Mapping[str, float]
LOSS: dict[str, Any] = {"loss": "minimize"}


def contract(metrics: dict[str, Any], **keep: Any) -> Contract:
    raw = {"target": "train.py", "evaluate": {"command": "python train.py"}, "metrics": metrics, "keep": keep}
    return Contract.model_validate(raw)


def judged(
    rules: Contract,
    value: Numbers,
    best: Numbers,
    lines: int = 10,
    **others: Numbers,
) -> Judgement:
    """Judge against a best of 10 lines, which is also `baseline` and `record` unless they are given."""
    standing = Standing(others.get("baseline", best), best, 10, others.get("record", best))
    return judge(rules, standing, Candidate("ok", "", value, lines))


def loss(value: float, best: float, goal: str = "minimize", min_delta: float = 0, lines: int = 10) -> Verdict:
    rules = contract({"loss": {"goal": goal, "min_delta": min_delta}})
    return judged(rules, {"loss": value}, {"loss": best}, lines=lines).verdict


@pytest.mark.parametrize(
    ("value", "goal", "min_delta", "verdict"),
    [
        (0.99, "minimize", 0, "improved"),
        (1.01, "minimize", 0, "worse"),
        (1.0, "minimize", 0, "equal"),
        (1.01, "maximize", 0, "improved"),
        (0.99, "maximize", 0, "worse"),
        (0.9, "minimize", 0.1, "improved"),
        (0.901, "minimize", 0.1, "equal"),
        (1.099, "minimize", 0.1, "equal"),
        (1.1, "minimize", 0.1, "worse"),
        (-5, "minimize", 0.1, "improved"),
    ],
)
def test_a_gain_of_min_delta_in_the_direction_of_the_goal_improves(
    value: float, goal: str, min_delta: float, verdict: str
) -> None:
    assert loss(value, 1.0, goal, min_delta) == verdict


@pytest.mark.parametrize(("value", "best", "delta"), [(0.3, 0.2, 0.1), (0.9927, 0.9922, 0.0005), (1.1, 1.0, 0.1)])
def test_decimals_count_as_a_person_reads_them(value: float, best: float, delta: float) -> None:
    """In binary 0.3 - 0.2 is a little less than 0.1."""
    assert loss(value, best, "maximize", delta) == "improved"
    assert loss(best, value, "minimize", delta) == "improved"
    assert loss(best, value, "maximize", delta) == "worse"


def test_a_gain_below_the_resolution_of_a_difference_still_counts() -> None:
    assert loss(1e16, 1e16 + 2, "minimize") == "improved"
    assert loss(5e-324, 1e-323, "minimize") == "improved"
    assert loss(-1.7e308, 1.7e308, "minimize", 1.7e308) == "improved"


def test_the_reason_says_what_would_have_been_needed() -> None:
    rules = contract({"val_bpb": {"goal": "minimize", "min_delta": 0.0005}})
    found = judged(rules, {"val_bpb": 0.9981}, {"val_bpb": 0.9932})
    assert found == Judgement(
        Verdict.WORSE, "val_bpb 0.9981, best 0.9932, needs <= 0.9927 (min_delta 0.0005)", may_keep=False
    )
    assert judged(contract(LOSS), {"loss": 2.0}, {"loss": 1.0}).reason == "loss 2, best 1, needs < 1"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_improved_and_simpler_may_be_kept(verdict: Verdict) -> None:
    rules = contract(
        {"loss": {"goal": "minimize", "min_delta": 0.1}, "g": {"goal": "minimize", "role": "guard", "max": 1}}
    )
    best = {"loss": 1.0, "g": 0.0}
    outcome: Literal["crash", "timeout", "ok"] = "ok"
    if verdict in {"crash", "timeout"}:
        outcome = "crash" if verdict == "crash" else "timeout"
    value = {"loss": {"improved": 0.5, "worse": 1.5}.get(verdict, 1.0), "g": 2.0 if verdict == "guard_failed" else 0.0}
    found = judge(
        rules,
        Standing(best, best, 10, best),
        Candidate(outcome, "why", value, 5 if verdict == "simpler" else 10),
    )
    assert found.verdict == verdict
    assert found.may_keep == (verdict in {"improved", "simpler"})
    assert found.reason


def test_equal_with_fewer_lines_is_simpler_only_if_the_contract_says_so() -> None:
    assert loss(1.0, 1.0, lines=9) == "simpler"
    assert loss(1.0, 1.0, lines=10) == "equal"
    assert judged(contract(LOSS, simplicity=False), {"loss": 1.0}, {"loss": 1.0}, lines=9).verdict == "equal"


def test_a_simpler_trial_too_far_from_the_record_stays_equal_and_says_why() -> None:
    rules = contract({"loss": {"goal": "minimize", "min_delta": 0.1}})
    found = judged(rules, {"loss": 1.1}, {"loss": 1.05}, lines=5, record={"loss": 1.0})
    assert found.verdict == "equal"
    assert "record loss 1" in found.reason


GUARD: dict[str, Any] = {"goal": "maximize", "role": "guard"}


@pytest.mark.parametrize(
    ("limits", "value", "passes"),
    [
        ({"min": 0.9}, 0.9, True),
        ({"min": 0.9}, 0.8999, False),
        ({"max": 0.9}, 0.9, True),
        ({"max": 0.9}, 0.9001, False),
        ({"min_ratio": 0.9}, 0.27, True),
        ({"min_ratio": 0.9}, 0.2699, False),
        ({"max_ratio": 1.1}, 0.33, True),
        ({"max_ratio": 1.1}, 0.3301, False),
        ({"min": 0.1, "max_ratio": 1.1}, 0.05, False),
    ],
)
def test_a_guard_outside_of_its_limits_fails_however_good_the_metric(
    limits: dict[str, float], value: float, *, passes: bool
) -> None:
    """The ratios are against a baseline of 0.3, where binary products would miss 0.27 and 0.33."""
    rules = contract(LOSS | {"g": GUARD | limits})
    found = judged(rules, {"loss": 0.0, "g": value}, {"loss": 1.0, "g": 5.0}, baseline={"loss": 1.0, "g": 0.3})
    assert found.verdict == ("improved" if passes else "guard_failed")


@pytest.mark.parametrize("baseline", [0.0, -1.0])
def test_a_ratio_against_a_baseline_that_is_not_positive_fails_closed(baseline: float) -> None:
    rules = contract(LOSS | {"g": GUARD | {"min_ratio": 0.9}})
    start = {"loss": 1.0, "g": baseline}
    found = judged(rules, {"loss": 0.0, "g": 5.0}, start)
    assert (found.verdict, found.reason) == ("guard_failed", f"g: min_ratio needs a baseline above 0, not {baseline:g}")
    assert "need a baseline above 0" in str(judge_baseline(rules, start))


@pytest.mark.parametrize("value", [-0.1, 2.1, float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_believed_is_a_crash(value: float) -> None:
    rules = contract({"loss": {"goal": "minimize", "bounds": [0, 2]}})
    found = judged(rules, {"loss": value}, {"loss": 1.0})
    assert found.verdict == "crash"
    assert found.reason.startswith("loss ")
    assert judge_baseline(rules, {"loss": value}) == found.reason


def test_bounds_include_their_ends_and_hold_for_guards_too() -> None:
    rules = contract({"loss": {"goal": "minimize", "bounds": [0, 2]}, "g": GUARD | {"min": 0, "bounds": [0, 1]}})
    assert judge_baseline(rules, {"loss": 2.0, "g": 1.0}) is None
    assert judge_baseline(rules, {"loss": 2.0, "g": 1.5}) == "g 1.5 is outside of its bounds 0 to 1"


def test_a_missing_metric_is_a_crash() -> None:
    rules = contract(LOSS | {"g": GUARD | {"min": 0}})
    best = {"loss": 1.0, "g": 1.0}
    assert judged(rules, {"loss": 0.5}, best).verdict == "crash"
    assert judge_baseline(rules, {"g": 0.5}) == "loss is missing from the output"


def test_a_baseline_that_fails_its_own_guard_is_warned_about_and_stands() -> None:
    rules = contract(LOSS | {"g": GUARD | {"min": 0.9}})
    assert judge_baseline(rules, {"loss": 1.0, "g": 0.5}) is None
    assert baseline_warnings(rules, {"loss": 1.0, "g": 0.5}) == ("guard g 0.5, needs >= 0.9 (min 0.9)",)
    assert baseline_warnings(rules, {"loss": 1.0, "g": 0.9}) == ()


TWO: dict[str, Any] = {"loss": {"goal": "minimize", "min_delta": 0.1}, "acc": {"goal": "maximize", "min_delta": 0.01}}


@pytest.mark.parametrize(
    ("value", "acc", "verdict"),
    [
        (0.9, 0.5, "improved"),
        (1.0, 0.51, "improved"),
        (1.09, 0.51, "improved"),
        (1.1, 0.9, "worse"),
        (0.1, 0.49, "worse"),
        (0.95, 0.505, "equal"),
    ],
)
def test_pareto_wants_none_worse_and_one_better(value: float, acc: float, verdict: str) -> None:
    rules = contract(TWO, rule="pareto")
    assert judged(rules, {"loss": value, "acc": acc}, {"loss": 1.0, "acc": 0.5}).verdict == verdict


def test_pareto_measures_loss_against_the_record_and_not_only_against_the_best() -> None:
    rules = contract(TWO, rule="pareto")
    best, record = {"loss": 1.05, "acc": 0.5}, {"loss": 1.0, "acc": 0.5}
    assert judged(rules, {"loss": 1.12, "acc": 0.6}, best).verdict == "improved"
    assert judged(rules, {"loss": 1.12, "acc": 0.6}, best, record=record).verdict == "worse"


@pytest.mark.parametrize(
    ("value", "acc", "verdict"),
    [(1.8, 0.5, "improved"), (1.9, 0.5, "equal"), (2.0, 0.55, "improved"), (1.0, 0.2, "worse")],
)
def test_weights_sum_gains_relative_to_the_baseline(value: float, acc: float, verdict: str) -> None:
    """Threshold 1 * 0.2 / 2 = 0.1; accuracy counts twice: 2 * gain / 0.5."""
    metrics = {"loss": {"goal": "minimize", "min_delta": 0.2}, "acc": "maximize"}
    rules = contract(metrics, rule="weighted", weights={"loss": 1, "acc": 2})
    found = judged(rules, {"loss": value, "acc": acc}, {"loss": 2.0, "acc": 0.5})
    assert found.verdict == verdict
    assert "needs >= 0.1" in found.reason


def test_weights_take_a_baseline_of_zero_as_scale_one() -> None:
    rules = contract(LOSS, rule="weighted", weights={"loss": 1})
    assert judged(rules, {"loss": -1.0}, {"loss": 0.0}).reason == "weighted gain 1, needs > 0"


def test_metrics_beside_the_primary_one_do_not_decide() -> None:
    rules = contract(LOSS | {"acc": "maximize"})
    assert judged(rules, {"loss": 0.9, "acc": 0.0}, {"loss": 1.0, "acc": 1.0}).verdict == "improved"


def test_the_median_counts_and_only_of_what_every_run_reports() -> None:
    assert median_metrics([{"a": 1.0, "b": 1.0}, {"a": 9.0}, {"a": 2.0, "b": 3.0}]) == {"a": 2.0}
    assert median_metrics([{"a": 0.1}, {"a": 0.2}]) == {"a": 0.15}
    assert median_metrics([{"a": 1.7e308}, {"a": 1.7e308}]) == {"a": 1.7e308}
    assert median_metrics([]) == {}


FINITE = st.floats(allow_nan=False, allow_infinity=False)
STEPS = st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), min_size=1, max_size=40)


@given(FINITE, FINITE, st.floats(0, 1e300), st.sampled_from(["minimize", "maximize"]))
def test_no_pair_improves_on_each_other(one: float, other: float, delta: float, goal: str) -> None:
    verdicts = [loss(one, other, goal, delta), loss(other, one, goal, delta)]
    assert verdicts.count(Verdict.IMPROVED) <= 1
    assert sorted(verdicts) in (["equal", "equal"], ["improved", "worse"])


@given(FINITE, FINITE, st.floats(0, 1e300))
def test_both_goals_are_mirror_images(value: float, best: float, delta: float) -> None:
    assert loss(value, best, "minimize", delta) == loss(-value, -best, "maximize", delta)


@given(st.lists(FINITE, min_size=1, max_size=9))
def test_a_median_lies_among_the_runs(values: list[float]) -> None:
    median = median_metrics([{"a": value} for value in values])["a"]
    assert min(values) <= median <= max(values)


@given(STEPS, st.sampled_from(["primary", "pareto"]), st.sampled_from([0, 3, 10]))
def test_no_chain_of_keeps_drifts_to_min_delta_behind_the_record(
    steps: list[tuple[int, int]], rule: str, delta: int
) -> None:
    """The attack: many small losses, each equal to the last and always simpler. Whole tenths keep the test exact."""
    rules = contract({name: {"goal": "minimize", "min_delta": delta / 10} for name in ("loss", "size")}, rule=rule)
    best, record, lines = (0, 0), (0, 0), 1000
    for step in steps:
        value = (best[0] + step[0], best[1] + step[1])
        standing = Standing(tenths((0, 0)), tenths(best), lines, tenths(record))
        if judge(rules, standing, Candidate("ok", "", tenths(value), lines - 1)).may_keep:
            best, lines = value, lines - 1
            record = (min(record[0], value[0]), min(record[1], value[1]))
        behind = [now - then for now, then in zip(best, record, strict=True)]
        assert all(loss == 0 or loss < delta for loss in (behind if rule == "pareto" else behind[:1]))


def tenths(pair: tuple[int, int]) -> dict[str, float]:
    return {"loss": pair[0] / 10, "size": pair[1] / 10}


def test_the_record_takes_the_better_value_of_every_metric() -> None:
    assert update_record(contract(TWO), {"loss": 1.0, "acc": 0.5}, {"loss": 2.0, "acc": 0.6}) == {"loss": 1, "acc": 0.6}


@given(STEPS)
def test_no_chain_of_keeps_lowers_the_weighted_sum(steps: list[tuple[int, int]]) -> None:
    metrics = {name: {"goal": "maximize", "min_delta": 5} for name in ("a", "b")}
    rules = contract(metrics, rule="weighted", weights={"a": 1, "b": 1})
    best: dict[str, float] = {"a": 0.0, "b": 0.0}
    for lines, (step, other) in enumerate(steps):
        value = {"a": best["a"] + step, "b": best["b"] + other}
        found = judge(rules, Standing({"a": 1.0, "b": 1.0}, best, 100 - lines, best), Candidate("ok", "", value, 0))
        if found.may_keep:
            assert sum(value.values()) >= sum(best.values())
            best = value
