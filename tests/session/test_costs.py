"""Dollars by source: never negative, never twice, and only what is an amount."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.session import costs
from referee.session.costs import ENFORCED, EVALUATOR, MACHINE, REPORTED, Account, checked_client, of_trial
from referee.session.errors import RefusedError

USD = st.floats(0, costs.MAX_USD)
STARTED = st.tuples(st.just("started"), st.just(0.0), st.booleans())
ENDED = st.tuples(st.just("ended"), USD, st.booleans())
REPORT = st.tuples(st.just("report"), USD, st.just(value=False))
EVENTS = st.lists(STARTED | ENDED | REPORT, max_size=30)
PRINTED = st.floats() | st.floats(0, 10)


def _play(events: list[tuple[str, float, bool]], after: Callable[[Account], None] = lambda _: None) -> Account:
    """Feed an account these events; report number n is of trial n."""
    account = Account()
    for number, (event, usd, accounts) in enumerate(events):
        if event == "report":
            account.report(number, usd)
        else:
            account.told(event, "claude", usd, accounts=accounts)
        after(account)
    return account


def test_a_trial_costs_what_its_evaluator_printed_in_all_runs_and_the_time_it_took() -> None:
    measurement = {"runs": [{"loss": 1.0, "eval_cost_usd": 0.5}, {"loss": 1.0, "eval_cost_usd": 0.25}]}
    assert of_trial(measurement, 1800, 3.0) == {EVALUATOR: 0.75, MACHINE: 1.5}
    assert of_trial(measurement, 1800, None) == {EVALUATOR: 0.75}
    assert of_trial({}, 1800, 3.0) == {MACHINE: 1.5}


def test_a_baseline_that_was_measured_before_the_session_costs_nothing_in_it() -> None:
    assert of_trial({"rehearsed": True, "runs": [{"eval_cost_usd": 0.5}]}, 1800, 3.0) == {}


@given(
    st.lists(st.dictionaries(st.just("eval_cost_usd"), PRINTED), max_size=5), st.floats(0, 1e7), st.floats(0.01, 1e6)
)
def test_what_an_evaluator_prints_never_makes_a_trial_cost_less_than_nothing(
    runs: list[dict[str, float]], seconds: float, rate: float
) -> None:
    found = of_trial({"runs": runs}, seconds, rate)
    assert all(math.isfinite(usd) and usd > 0 for usd in found.values())
    odd = any(not 0 <= run["eval_cost_usd"] <= costs.MAX_USD for run in runs if run)
    assert bool(costs.evaluator_fault(runs)) == odd


def test_reports_count_where_no_client_keeps_an_account() -> None:
    account = Account()
    assert account.report(1, 0.5) == {REPORTED: 0.5}
    account.told("started", "command", 0.0, accounts=False)
    assert account.report(2, 0.25) == {REPORTED: 0.25}
    assert account.total == 0.75


def test_the_clients_own_account_takes_the_place_of_the_reports() -> None:
    account = Account()
    account.told("started", "claude", 0.0, accounts=True)
    assert account.report(1, 0.5) == {}
    assert account.total == 0
    assert account.told("ended", "claude", 2.0, accounts=True) == {}
    assert account.counted == {ENFORCED: 2.0}
    assert account.report(2, 0.5) == {REPORTED: 0.5}


@pytest.mark.parametrize("event", ["started", "ended"])
def test_reports_count_after_all_where_the_clients_account_never_comes(event: str) -> None:
    account = Account()
    account.told("started", "claude", 0.0, accounts=True)
    account.report(7, 0.5)
    assert account.told(event, "claude", 0.0, accounts=True) == {"7": 0.5}
    assert account.counted == {REPORTED: 0.5}


@pytest.mark.promise("hard budget")
@given(EVENTS)
def test_no_order_of_reports_and_runs_counts_a_dollar_twice(events: list[tuple[str, float, bool]]) -> None:
    account = _play(events)
    said = math.fsum(usd for event, usd, _ in events if event == "report")
    ended = math.fsum(usd for event, usd, _ in events if event == "ended")
    counted = account.counted.get(REPORTED, 0.0)
    assert counted + math.fsum(account.withheld.values()) <= said * (1 + 1e-9)
    assert math.isclose(account.counted.get(ENFORCED, 0.0), ended)
    assert account.total == math.fsum(account.counted.values())


@given(EVENTS)
def test_what_counts_only_grows(events: list[tuple[str, float, bool]]) -> None:
    totals = [0.0]
    _play(events, lambda account: totals.append(account.total))
    assert totals == sorted(totals)


@given(EVENTS)
def test_what_was_reported_in_runs_without_an_account_all_counts(events: list[tuple[str, float, bool]]) -> None:
    account = _play([(event, usd, False) for event, usd, _ in events])
    said = math.fsum(usd for event, usd, _ in events if event == "report")
    assert math.isclose(account.counted.get(REPORTED, 0.0), said)


STANDS = {"event": "ended", "client": "claude", "accounts": True, "usd": 1}


def test_a_message_of_a_client_is_recorded_as_it_says() -> None:
    assert checked_client(STANDS) == {"event": "ended", "client": "claude", "accounts": True, "usd": 1.0}


@pytest.mark.parametrize(
    "change",
    [
        {"event": "begun"},
        {"event": ["started"]},
        {"client": ""},
        {"client": 3},
        {"client": "x" * 41},
        {"accounts": 1},
        {"usd": -0.5},
        {"usd": math.nan},
        {"usd": "3"},
        {"usd": True},
        {"usd": 1e7},
        {"usd": 10**400},
        {"usd": None},
    ],
)
def test_a_message_of_a_client_that_is_none_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="client: "):
        checked_client({**STANDS, **change})


def test_dollars_are_shown_with_their_sources_and_never_as_nothing() -> None:
    assert costs.named({REPORTED: 0.5, MACHINE: 0.00042}) == "$0.50 reported, $0.00042 machine"
    assert costs.show(0) == "$0.00"
