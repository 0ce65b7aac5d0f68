import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.session.budget import Instant, Spent, advance, check, estimate_trials, extend, now, trial_limit
from referee.session.contract import Budget
from referee.session.errors import RefusedError

FREE = Budget(max_experiments=None, max_wall_clock_hours=None, max_cost_usd=None, max_consecutive_crashes=None)


@pytest.mark.parametrize(
    ("budget", "spent", "reason"),
    [
        (Budget(max_experiments=3), Spent(experiments=3), "3 of 3 experiments"),
        (Budget(max_wall_clock_hours=1), Spent(seconds=3600), "1.00 of 1.0 hours"),
        (Budget(max_cost_usd=2.5), Spent(cost_usd=2.5), "$2.50 of $2.5"),
        (Budget(max_consecutive_crashes=2), Spent(consecutive_crashes=2), "2 crashes in a row"),
    ],
)
def test_a_limit_that_is_reached_exactly_ends_the_session_by_name(budget: Budget, spent: Spent, reason: str) -> None:
    state = check(budget, spent)
    assert state.exhausted
    assert state.reason == reason


def test_one_below_every_limit_goes_on() -> None:
    budget = Budget(max_experiments=3, max_wall_clock_hours=1, max_cost_usd=2, max_consecutive_crashes=2)
    state = check(budget, Spent(2, 3599.0, 1.99, 1))
    assert not state.exhausted
    assert state.reason == ""
    assert (state.left.experiments, state.left.seconds, state.left.consecutive_crashes) == (1, 1.0, 1)


def test_several_limits_are_all_named() -> None:
    state = check(Budget(max_experiments=1, max_cost_usd=1), Spent(experiments=5, cost_usd=9))
    assert state.reason == "5 of 1 experiments, $9.00 of $1.0"
    assert state.left.experiments == 0


def test_without_limits_nothing_ends() -> None:
    state = check(FREE, Spent(10**6, 1e9, 1e9, 10**6))
    assert not state.exhausted
    assert state.seconds_left is None


@pytest.mark.parametrize("amount", [math.nan, math.inf, -1.0])
def test_an_amount_that_would_never_reach_a_limit_is_refused(amount: float) -> None:
    """A cost that is not a number compares as below every limit."""
    with pytest.raises(ValueError, match="finite and not negative"):
        Spent(cost_usd=amount)
    with pytest.raises(ValueError, match="finite and not negative"):
        Spent(seconds=amount)
    with pytest.raises(ValueError, match="finite and not negative"):
        Spent(experiments=-1)


def test_a_trial_gets_the_smaller_of_timeout_and_what_is_left() -> None:
    assert trial_limit(Budget(max_wall_clock_hours=1), Spent(seconds=3000), 900) == 600
    assert trial_limit(Budget(max_wall_clock_hours=1), Spent(seconds=3000), 60) == 60
    assert trial_limit(Budget(max_wall_clock_hours=1), Spent(seconds=9000), 60) == 0
    assert trial_limit(FREE, Spent(seconds=9000), 60) == 60


def test_the_estimate_is_what_runs_out_first() -> None:
    budget = Budget(max_experiments=100, max_wall_clock_hours=1, max_cost_usd=10)
    assert estimate_trials(budget, Spent(), 300) == 12
    assert estimate_trials(budget, Spent(experiments=95), 30) == 5
    assert estimate_trials(budget, Spent(experiments=10, cost_usd=8), 30) == 2
    assert estimate_trials(budget, Spent(experiments=100), 300) == 0
    assert estimate_trials(budget, Spent(), 0) == 100
    assert estimate_trials(FREE, Spent(), 300) is None


def test_extending_raises_what_has_a_limit_and_leaves_the_rest_unlimited() -> None:
    budget = Budget(max_experiments=10, max_wall_clock_hours=1, max_cost_usd=None)
    found = extend(budget, experiments=5, hours=0.5, usd=3)
    assert (found.max_experiments, found.max_wall_clock_hours, found.max_cost_usd) == (15, 1.5, None)
    assert extend(budget) == budget


@pytest.mark.parametrize("more", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("budget", [Budget(max_cost_usd=1), FREE])
def test_an_extension_by_nothing_or_less_is_refused(budget: Budget, more: float) -> None:
    with pytest.raises(RefusedError, match=r"hours: found .*, expected a number above 0"):
        extend(budget, hours=more)
    with pytest.raises(RefusedError, match=r"usd: found .*, expected a number above 0"):
        extend(budget, usd=more)
    with pytest.raises(RefusedError, match="experiments: found 0, expected a number above 0"):
        extend(budget, experiments=0)


def test_an_extension_beyond_what_a_budget_can_hold_is_refused() -> None:
    with pytest.raises(RefusedError, match="max_experiments"):
        extend(Budget(), experiments=10**9)


def instant(utc: float, uptime: float, boot: str = "one") -> Instant:
    return Instant(utc=utc, boot_id=boot, uptime=uptime)


def test_within_a_boot_only_the_uptime_counts() -> None:
    assert advance(10, instant(1000, 50), instant(0, 57)) == 17


def test_across_boots_the_wall_clock_counts() -> None:
    assert advance(10, instant(1000, 500), instant(1300, 5, "two")) == 310


@pytest.mark.parametrize("after", [instant(2000, 40), instant(900, 60, "two")])
def test_a_clock_that_was_wound_back_takes_nothing_away(after: Instant) -> None:
    assert advance(10, instant(1000, 50), after) == 10


def test_now_moves_forward() -> None:
    first, second = now(), now()
    assert first.boot_id == second.boot_id
    assert first.uptime <= second.uptime


SECONDS = st.floats(0, 1e12)
INSTANTS = st.builds(Instant, utc=st.floats(-1e12, 1e12), boot_id=st.sampled_from(["one", "two"]), uptime=SECONDS)
BUDGETS = st.builds(
    Budget,
    max_experiments=st.none() | st.integers(1, 1000),
    max_wall_clock_hours=st.none() | st.floats(1e-6, 1000),
    max_cost_usd=st.none() | st.floats(1e-6, 1000),
    max_consecutive_crashes=st.none() | st.integers(1, 20),
)
SPENT = st.builds(Spent, st.integers(0, 2000), SECONDS, SECONDS, st.integers(0, 30))


@given(st.lists(INSTANTS, min_size=1))
def test_no_sequence_of_instants_makes_elapsed_time_decrease(instants: list[Instant]) -> None:
    elapsed = 0.0
    for before, after in pairwise(instants):
        later = advance(elapsed, before, after)
        assert later >= elapsed
        elapsed = later


@given(BUDGETS, SPENT, st.floats(1, 1e6))
def test_what_is_left_and_what_is_spent_never_exceed_a_limit(budget: Budget, spent: Spent, timeout: float) -> None:
    state = check(budget, spent)
    left = (state.left.experiments, state.left.seconds, state.left.cost_usd, state.left.consecutive_crashes)
    assert all(amount is None or amount >= 0 for amount in left)
    assert state.exhausted == (0 in left) == bool(state.reason)
    assert 0 <= trial_limit(budget, spent, timeout) <= timeout


@given(st.floats(0.01, 100), st.lists(st.floats(1, 1e5), max_size=60))
def test_trials_that_use_their_whole_limit_end_with_the_budget(hours: float, timeouts: list[float]) -> None:
    budget, spent, trials = Budget(max_wall_clock_hours=hours, max_experiments=20), Spent(), 0
    for timeout in timeouts:
        if not check(budget, spent).exhausted:
            trials += 1
            spent = Spent(trials, spent.seconds + trial_limit(budget, spent, timeout))
    assert spent.experiments <= 20
    assert spent.seconds <= hours * 3600 * (1 + 1e-12)


@given(BUDGETS, st.integers(1, 1000), st.floats(0.1, 100))
def test_an_extension_never_takes_anything_away(budget: Budget, experiments: int, hours: float) -> None:
    found = extend(budget, experiments=experiments, hours=hours)
    for key, limit in budget.model_dump().items():
        assert limit is None or getattr(found, key) >= limit
        assert (limit is None) == (getattr(found, key) is None)
