"""Whether a session is over: by its budget, its plateau, its goal or the person, and never again by itself."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.session import ending, program, standing
from referee.session.budget import Instant
from referee.session.contract import Budget, Feedback, Plateau
from referee.session.opened import Opened
from referee.session.state import Decision, State, Trial, Trials

from tests.projects import program as text

AT = Instant(0, "one", 0)
FREE = Budget(max_experiments=None, max_wall_clock_hours=None, max_cost_usd=None, max_consecutive_crashes=None)


def _state(limits: Budget, metrics: str = "loss: minimize", losses: Sequence[float] = (3,), **fields: Any) -> State:
    """A session in which these values were kept, one after the other."""
    contract = program.parse(text().replace("loss: minimize", metrics)).contract
    opened = Opened("mar8", "0" * 40, "0" * 40, "run.sh", contract, "results.tsv", ("sh",), (), {}, "self-reported")
    trials = {
        number: Trial(number, "", "", "", "", 1.0, 0.0, metrics={"loss": loss}, decision=Decision.KEEP)
        for number, loss in enumerate(losses)
    }
    best = len(losses) - 1 if losses else None
    return State(opened, limits, "", trials=Trials(trials), best=best, last=AT, **fields)


@pytest.mark.parametrize(
    ("metrics", "goal", "over"),
    [
        ("loss: minimize", 3.0, True),
        ("loss: minimize", 2.9, False),
        ("loss: minimize", 3.1, True),
        ("loss: maximize", 3.0, True),
        ("loss: maximize", 3.1, False),
        ("loss: maximize", 2.9, True),
        ("loss: maximize", 0.0, True),
    ],
)
def test_a_goal_is_reached_in_the_direction_of_the_metric(metrics: str, goal: float, *, over: bool) -> None:
    assert ending.check(_state(FREE.model_copy(update={"goal": goal}), metrics), AT).exhausted == over


def test_the_trial_that_reaches_the_goal_is_named_and_the_baseline_as_such() -> None:
    limits = Budget(goal=2.0)
    found = ending.check(_state(limits, losses=(3, 2)), AT)
    assert found.reason == "trial 1 reaches the goal: loss 2, goal 2"
    assert found.headline == "the session is over"
    assert "referee extend --goal" in found.remedy
    assert ending.goal(_state(limits, losses=(1,))).startswith("the baseline already reaches the goal: loss 1")


def test_without_a_baseline_no_goal_is_reached() -> None:
    assert not ending.check(_state(Budget(goal=2.0), losses=()), AT).exhausted


def test_a_value_is_told_with_no_more_digits_than_the_agent_may_see() -> None:
    state = _state(Budget(goal=3.0), losses=(2.98765,))
    contract = state.opened.contract.model_copy(update={"feedback": Feedback(digits=2)})
    state.opened = replace(state.opened, contract=contract)
    assert "loss 3, goal 3" in ending.goal(state)


@pytest.mark.parametrize(("count", "over"), [(2, False), (3, True), (4, True)])
def test_a_plateau_ends_the_session_at_its_number_of_trials(count: int, *, over: bool) -> None:
    found = ending.check(_state(Budget(plateau=Plateau(trials=3)), without_keep=count), AT)
    assert found.exhausted == over
    assert found.reason == (f"{count} trials in a row without a keep (plateau)" if over else "")


def test_a_nudge_ends_nothing_and_is_in_every_reply() -> None:
    state = _state(Budget(plateau=Plateau(trials=3, action="nudge")), without_keep=3)
    facts, goes_on = standing.facts(state.budget, state, AT)
    assert goes_on
    assert facts["nudge"].startswith("3 trials in a row brought nothing to keep: read_results")
    state.without_keep = 2
    assert "nudge" not in standing.facts(state.budget, state, AT)[0]


def test_what_the_person_stopped_is_over_until_the_person_resumes() -> None:
    found = ending.check(_state(FREE, stopped="stopped by the person: enough"), AT)
    assert (found.exhausted, found.reason) == (True, "stopped by the person: enough")
    assert "referee resume" in found.remedy


def test_every_reason_is_named_and_every_way_on() -> None:
    limits = Budget(max_experiments=1, plateau=Plateau(trials=1), goal=9.0)
    found = ending.check(_state(limits, losses=(3, 2), without_keep=1, stopped="stopped by the person"), AT)
    assert found.reason == (
        "1 of 1 experiments, 1 trials in a row without a keep (plateau), "
        "trial 1 reaches the goal: loss 2, goal 9, stopped by the person"
    )
    assert found.remedy.count("referee extend`") == 1
    assert "--goal" in found.remedy
    assert "referee resume" in found.remedy


@pytest.mark.parametrize(
    ("limits", "fields", "warning"),
    [
        (Budget(max_experiments=5), {"losses": (3, 2, 1)}, ""),
        (Budget(max_experiments=5), {"losses": (5, 4, 3, 2)}, "about 2 trials left"),
        (Budget(max_experiments=5), {"losses": (5, 4, 3, 2, 1)}, "about 1 trial left"),
        (Budget(), {"consecutive_crashes": 9}, "about 100 trials left (9 of 10 crashes in a row)"),
        (
            Budget(max_experiments=None, plateau=Plateau(trials=10)),
            {"without_keep": 9},
            "9 of 10 trials without a keep",
        ),
        (
            Budget(max_experiments=3),
            {"elapsed": 7.8 * 3600, "measured": 1, "measured_seconds": 300.0},
            "about 2 trials left (8 h: 97 % used)",
        ),
        (
            Budget(max_experiments=9),
            {"elapsed": 7.9 * 3600, "measured": 1, "measured_seconds": 3600.0},
            "less than one trial left (8 h: 98 % used)",
        ),
    ],
)
def test_near_the_end_replies_warn(limits: Budget, fields: dict[str, Any], warning: str) -> None:
    state = _state(limits, **fields)
    assert standing.facts(limits, state, AT)[0].get("warning", "") == warning


def test_what_is_left_is_estimated_in_trials_and_in_hours() -> None:
    state = _state(Budget(max_experiments=10), losses=(3, 2), measured=2, measured_seconds=1200.0)
    facts, _ = standing.facts(state.budget, state, AT)
    assert (facts["trials_left_estimate"], facts["hours_left_estimate"]) == (9, 1.5)
    state = _state(Budget(), measured=2, measured_seconds=1200.0, elapsed=7.5 * 3600)
    assert standing.facts(state.budget, state, AT)[0]["hours_left_estimate"] == 0.5


def test_a_session_that_is_over_has_nothing_left_and_warns_of_nothing() -> None:
    state = _state(Budget(goal=3.0, max_experiments=2), losses=(3, 2))
    facts, goes_on = standing.facts(state.budget, state, AT)
    assert not goes_on
    assert (facts["trials_left_estimate"], facts["hours_left_estimate"]) == (0, 0.0)
    assert "warning" not in facts


def test_what_is_said_of_the_budget_stays_small() -> None:
    limits = Budget(max_cost_usd=10, plateau=Plateau(trials=5, action="nudge"), goal=-1.0, usd_per_hour=2)
    state = _state(limits, losses=(3,) * 99, without_keep=99)
    state.account.add({"reported": 3.3333333, "enforced": 3.3333333, "evaluator": 1.1, "machine": 1.9})
    assert len(json.dumps(standing.facts(limits, state, AT)[0])) < 800


LIMITS = st.builds(
    Budget,
    max_experiments=st.none() | st.integers(1, 8),
    max_wall_clock_hours=st.none() | st.floats(0.001, 1),
    max_cost_usd=st.none() | st.floats(0.01, 10),
    max_consecutive_crashes=st.none() | st.integers(1, 4),
    usd_per_hour=st.none() | st.floats(0.01, 100),
    plateau=st.none() | st.builds(Plateau, trials=st.integers(1, 5)),
    goal=st.none() | st.floats(-5, 5),
)


@pytest.mark.promise("hard budget")
@given(LIMITS, st.lists(st.floats(0, 3000), min_size=1, max_size=20), st.floats(-5, 5))
def test_what_is_over_stays_over_while_only_time_and_dollars_go_on(
    limits: Budget, steps: list[float], loss: float
) -> None:
    state, at, over = _state(limits, losses=(loss,)), AT, False
    for number, seconds in enumerate(steps):
        at = Instant(-at.utc, at.boot_id, at.uptime + seconds)
        state.account.report(number, seconds / 1000)
        now = ending.check(state, at)
        assert now.exhausted >= over
        assert now.exhausted == bool(now.reason)
        left = (now.left.experiments, now.left.seconds, now.left.cost_usd, now.left.consecutive_crashes)
        assert all(amount is None or amount >= 0 for amount in left)
        over = now.exhausted
