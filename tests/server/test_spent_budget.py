"""A budget that is used up ends the session and lets the rest finish."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from referee.session import budget

from tests.projects import program
from tests.server.moves import BETTER, WORSE, measured

pytestmark = pytest.mark.anyio


@pytest.mark.promise("hard budget")
async def test_a_used_up_budget_refuses_edits_and_runs_and_lets_the_rest_finish(
    connect: Any, make_project: Callable[..., Path]
) -> None:
    project = make_project({"program.md": program(more="budget: {max_experiments: 1}")})
    async with connect(project) as agent:
        last = await measured(agent, BETTER)
        edit_said = await agent.refused("edit_target", content=WORSE)
        kept = await agent("keep")
        appended = await agent("append_result", lesson="enough")
        run_said = await agent.refused("run_trial", description="more", content=WORSE)
        read = await agent("read_target")
    assert last["continue"] is False
    assert "1 of 1 experiments" in edit_said
    assert "1 of 1 experiments" in run_said
    assert kept["decision"] == "keep"
    assert appended["continue"] is False
    assert appended["next"].startswith("Stop")
    assert "loss: 2" in read["text"]


@pytest.mark.promise("hard budget")
async def test_crashes_in_a_row_end_the_session(connect: Any, make_project: Callable[..., Path]) -> None:
    project = make_project({"program.md": program(more="budget: {max_consecutive_crashes: 2}")})
    async with connect(project) as agent:
        await agent("run_trial", description="one", content="exit 1\n")
        last = await agent("run_trial", description="two", content="exit 2\n")
        said = await agent.refused("run_trial", description="three", content=BETTER)
    assert last["continue"] is False
    assert "2 crashes in a row" in said


async def test_a_negative_cost_is_refused(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        said = await agent.refused("append_result", cost_usd=-1.0)
    assert "expected dollars, 0 or more" in said


@pytest.mark.promise("hard budget")
async def test_dollars_end_the_session_when_the_first_report_reaches_the_limit(
    connect: Any, make_project: Callable[..., Path]
) -> None:
    project = make_project({"program.md": program(more="budget: {max_cost_usd: 1.5}")})
    async with connect(project) as agent:
        await agent("run_trial", description="cheap", content=WORSE, cost_usd=0.5)
        last = await agent("run_trial", description="dear", content=BETTER, cost_usd=1.0)
    assert last["continue"] is False
    assert "$1.50 of $1.5" in last["budget"]["reason"]


async def test_what_was_measured_may_be_put_back_and_kept_after_time_ran_out(
    connect: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = budget.now
    async with connect(project) as agent:
        await measured(agent, BETTER)
        await agent("edit_target", content=WORSE)
        monkeypatch.setattr(budget, "now", lambda: replace(real(), uptime=real().uptime + 9 * 3600))
        other = await agent.refused("edit_target", content="echo loss: 1\n")
        await agent("edit_target", content=BETTER)
        kept = await agent("keep")
    assert "the budget is used up" in other
    assert kept["decision"] == "keep"


async def test_words_for_bytes_that_were_measured_before_are_said_to_be_lost(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_trial", description="worse", content=WORSE)
        again = await agent("run_trial", description="worse again", content=WORSE, cost_usd=0.5)
    assert "the lesson and cost of this call are not recorded" in again["text"]
    assert again["budget"]["cost_usd_spent"] == 0
