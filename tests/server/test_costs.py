"""Dollars of four sources through a server: what counts, who says so, and where the session ends by them."""

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from referee.server.cli import main
from referee.session.fold import fold
from referee.session.inbox import drop
from referee.session.journal import load
from referee.session.project import Project
from referee.session.state import State
from referee.session.verify import find, verify

from tests.finished import found
from tests.projects import program
from tests.server.moves import BETTER, WORSE

pytestmark = pytest.mark.anyio
MakeProject = Callable[..., Path]
Connect = Callable[..., AbstractAsyncContextManager[Any]]
HomeOf = Callable[[Path], Path]
PAID = "echo loss: {loss}; echo eval_cost_usd: {usd}\n"
ACCOUNTS = {"client": "claude", "accounts": True, "usd": 0.0}


def _project(make_project: MakeProject, limits: str, timeout: str = "20s", **files: str) -> Path:
    return make_project({"program.md": program(more=f"budget: {{{limits}}}", timeout=timeout), **files})


def _state(home: Path) -> State:
    state = fold(load(home / "journal.jsonl").records)
    assert state is not None
    return state


def _log(home: Path) -> list[list[str]]:
    return [line.split("\t") for line in (home / "budget.log").read_text().splitlines()]


def _audited(project: Path) -> dict[str, list[str]]:
    opened = Project(project)
    try:
        return found(verify(opened, *find(opened, None)))
    finally:
        opened.git.close()


async def _try(agent: Any, content: str, **words: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await agent("run_trial", description="an idea", content=content, **words)
    return answer


@pytest.mark.promise("hard budget")
async def test_what_the_evaluator_prints_as_its_cost_is_spent_also_by_discarded_trials(
    connect: Connect, make_project: MakeProject, home_of: HomeOf
) -> None:
    baseline = PAID.format(loss=3, usd=0.25)
    project = _project(make_project, "max_cost_usd: 1.0", **{"run.sh": baseline})
    async with connect(project) as agent:
        first = await _try(agent, PAID.format(loss=4, usd=0.5))
        assert first["decision"] == "discard"
        assert first["budget"]["cost_usd_by_source"] == {"evaluator": 0.75}
        last = await _try(agent, PAID.format(loss=2, usd=0.25))
        assert last["continue"] is False
        assert "$1.00 of $1.0" in last["budget"]["reason"]
    assert [line[2:] for line in _log(home_of(project))[1:]] == [
        ["0.250000", "evaluator"],
        ["0.500000", "evaluator"],
        ["0.250000", "evaluator"],
    ]
    assert _audited(project) == {}


@pytest.mark.promise("hard budget")
@pytest.mark.parametrize("usd", ["-0.5", "nan", "inf", "lots", "2e6", "0.1; echo eval_cost_usd: 0.2"])
async def test_a_cost_that_is_no_amount_makes_the_trial_a_crash_that_says_so(
    connect: Connect, make_project: MakeProject, usd: str
) -> None:
    project = _project(make_project, "max_cost_usd: 1.0")
    async with connect(project) as agent:
        answer = await _try(agent, PAID.format(loss=1, usd=usd))
    assert answer["decision"] == "crash"
    assert "eval_cost_usd" in answer["reason"]
    assert answer["budget"]["cost_usd_spent"] == 0


async def test_a_baseline_that_fails_has_cost_its_dollars_all_the_same(
    connect: Connect, make_project: MakeProject, home_of: HomeOf
) -> None:
    baseline = "echo eval_cost_usd: 0.5; echo loss: -1\n"
    bounded = program(more="budget: {max_cost_usd: 1.0}").replace(
        "loss: minimize", "loss: {goal: minimize, bounds: [0, 9]}"
    )
    project = make_project({"program.md": bounded, "run.sh": baseline})
    async with connect(project) as agent:
        await agent.refused("run_eval", description="baseline")
        assert (await agent("check_budget"))["budget"]["cost_usd_by_source"] == {"evaluator": 0.5}
        await agent.refused("run_eval", description="baseline")
        said = await agent.refused("run_eval", description="baseline")
    assert "$1.00 of $1.0" in said
    assert _log(home_of(project))[1:] == [["", "", "1.000000", "evaluator"]]
    assert _audited(project) == {}


@pytest.mark.promise("hard budget")
async def test_no_trial_runs_longer_than_the_dollars_left_pay_for(
    connect: Connect, make_project: MakeProject, home_of: HomeOf
) -> None:
    """At 3600 dollars an hour a second costs one: the trial sleeps for a minute and is killed at what is left."""
    project = _project(make_project, "max_cost_usd: 3.0, usd_per_hour: 3600", timeout="60s")
    async with connect(project) as agent:
        first = await _try(agent, WORSE)
        left = first["budget"]["cost_usd_left"]
        assert 0 < left < 3
        last = await _try(agent, "sleep 60; echo loss: 1\n")
    assert last["verdict"] == "timeout"
    assert last["continue"] is False
    state = _state(home_of(project))
    assert state.trials[2].limit == pytest.approx(left)
    assert state.account.counted.keys() == {"machine"}
    assert state.cost_usd == pytest.approx(math.fsum(t.seconds for t in state.trials.values()))
    assert state.cost_usd >= 3
    assert _audited(project) == {}


@pytest.mark.promise("hard budget")
async def test_an_interrupted_trial_has_cost_the_time_that_it_ran(
    connect: Connect, make_project: MakeProject, home_of: HomeOf
) -> None:
    project = _project(make_project, "max_cost_usd: 3000.0, usd_per_hour: 3600")
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("edit_target", content="sleep 15; echo loss: 1\n")
        assert (await agent("run_eval", description="long", wait_seconds=1))["status"] == "running"
    async with connect(project) as agent:
        paid = (await agent("revert"))["budget"]["cost_usd_by_source"]["machine"]
    trial = _state(home_of(project)).trials[1]
    assert trial.interrupted
    assert 0.5 < trial.seconds < paid
    assert trial.costs == {"machine": pytest.approx(trial.seconds)}


@pytest.mark.promise("hard budget")
async def test_a_clients_own_account_takes_the_place_of_what_the_agent_reports(
    connect: Connect, make_project: MakeProject, home_of: HomeOf, capsys: pytest.CaptureFixture[str]
) -> None:
    project = _project(make_project, "max_cost_usd: 3.0")
    async with connect(project) as agent:
        await _try(agent, "echo loss: 5\n", cost_usd=0.5)
        inbox = home_of(project) / "inbox"
        drop(inbox, "client", {**ACCOUNTS, "event": "started"})
        second = await _try(agent, WORSE, cost_usd=1.0)
        assert second["budget"]["cost_usd_by_source"] == {"reported": 0.5}
        assert second["budget"]["costs_accounted_by"] == "claude"
        drop(inbox, "client", {**ACCOUNTS, "event": "ended", "usd": 2.5})
        last = await agent("check_budget")
        assert last["budget"]["cost_usd_by_source"] == {"reported": 0.5, "enforced": 2.5}
        assert "cost usd by source: reported 0.5, enforced 2.5" in last["text"]
        assert "$3.00 of $3.0" in await agent.refused("run_trial", description="more", content=BETTER)
        assert [line[2:] for line in _log(home_of(project))[2:]] == [
            ["0.500000", "reported"],
            ["1.000000", "reported (not counted)"],
            ["2.500000", "enforced"],
        ]
    capsys.readouterr()
    assert main(["show", "2", "--repo", str(project)]) == 0
    assert "$1.00 reported (not counted)" in capsys.readouterr().out
    assert main(["status", "--repo", str(project)]) == 4
    assert "$3.00 of $3.00 ($0.50 reported, $2.50 enforced)" in capsys.readouterr().out
    assert _audited(project) == {}


@pytest.mark.promise("hard budget")
async def test_reports_count_after_all_when_the_clients_account_never_came(
    connect: Connect, make_project: MakeProject, home_of: HomeOf
) -> None:
    """A client that is killed leaves no account; the start of the next one tells."""
    project = _project(make_project, "max_cost_usd: 3.0")
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        inbox = home_of(project) / "inbox"
        drop(inbox, "client", {**ACCOUNTS, "event": "started"})
        assert (await _try(agent, WORSE, cost_usd=1.0))["budget"]["cost_usd_spent"] == 0
        drop(inbox, "client", {**ACCOUNTS, "event": "started"})
        assert (await agent("check_budget"))["budget"]["cost_usd_by_source"] == {"reported": 1.0}
        assert _log(home_of(project))[2][2:] == ["1.000000", "reported"]
    assert _audited(project) == {}


@pytest.mark.parametrize("change", [{"usd": -1.0}, {"usd": 10**400}, {"event": ["ended"]}, {"accounts": "yes"}])
async def test_a_message_of_a_client_that_is_none_is_set_aside(
    connect: Connect, project: Path, home_of: HomeOf, change: dict[str, Any]
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        inbox = home_of(project) / "inbox"
        drop(inbox, "client", {**ACCOUNTS, "event": "ended", **change})
        facts = await agent("check_budget")
        assert facts["continue"] is True
        assert facts["budget"]["cost_usd_spent"] == 0
        assert list(inbox.iterdir()) == []
