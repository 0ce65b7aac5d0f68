"""Sessions that end by a plateau or a goal, are nudged, warned and extended: through a server, trial by trial."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.server.cli import main
from referee.session import budget, journal
from referee.session.budget import Instant
from referee.session.project import Project
from referee.session.verify import find, verify

from tests.finished import found
from tests.projects import program
from tests.server.moves import BETTER, CRASH, WORSE, measured

pytestmark = pytest.mark.anyio
MakeProject = Callable[..., Path]
Connect = Callable[..., AbstractAsyncContextManager[Any]]


def _project(make_project: MakeProject, limits: str, **given: str) -> Path:
    return make_project({"program.md": program(more=f"budget: {{{limits}}}", **given)})


async def _extend(project: Path, *flags: str) -> None:
    assert await anyio.to_thread.run_sync(main, ["extend", "--repo", str(project), *flags]) == 0


async def _worse(agent: Any, number: int) -> dict[str, Any]:
    answer: dict[str, Any] = await agent("run_trial", description=f"no {number}", content=f"echo loss: 4.{number}\n")
    return answer


def _clock(patch: pytest.MonkeyPatch, now: Callable[[], Instant]) -> None:
    for module in (budget, journal):
        patch.setattr(module, "now", now)


def _audited(project: Path) -> dict[str, list[str]]:
    opened = Project(project)
    try:
        return found(verify(opened, *find(opened, None)))
    finally:
        opened.git.close()


@pytest.mark.promise("hard budget")
async def test_a_plateau_ends_the_session_at_that_trial_and_an_extension_lets_it_go_on(
    connect: Connect, make_project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    """At three in the morning: the agent was refused, the person extends, the agent's next call goes through."""
    project = _project(make_project, "plateau: 2")
    async with connect(project) as agent:
        assert (await _worse(agent, 1))["continue"] is True
        last = await _worse(agent, 2)
        assert last["continue"] is False
        assert last["budget"]["reason"] == "2 trials in a row without a keep (plateau)"
        assert last["next"].startswith("Stop: 2 trials in a row")
        said = await agent.refused("run_trial", description="more", content=BETTER)
        assert "the session is over (2 trials in a row without a keep (plateau))" in said
        assert "a person can go on with `referee extend`" in said
        await _extend(project, "--experiments", "1")
        assert "max_experiments 100 -> 101, trials without a keep 2 -> 0" in capsys.readouterr().out
        again = await agent("run_trial", description="more", content=BETTER)
        assert again["decision"] == "keep"
        assert again["budget"]["trials_without_keep"] == 0
    assert _audited(project) == {}


@pytest.mark.promise("hard budget")
async def test_a_trial_that_may_never_be_kept_counts_before_it_is_decided(
    connect: Connect, make_project: MakeProject
) -> None:
    """Else the next run, which decides it, would be one trial too many."""
    project = _project(make_project, "plateau: 1")
    async with connect(project) as agent:
        last = await measured(agent, WORSE)
        assert last["continue"] is False
        assert "plateau" in await agent.refused("run_trial", description="once more", content=BETTER)
        assert "plateau" in await agent.refused("edit_target", content=BETTER)
        await agent("revert")
        assert (await agent("check_budget"))["budget"]["trials_without_keep"] == 1


async def test_a_gain_that_the_agent_throws_away_counts_once(connect: Connect, make_project: MakeProject) -> None:
    project = _project(make_project, "plateau: 2")
    async with connect(project) as agent:
        assert (await measured(agent, BETTER))["budget"]["trials_without_keep"] == 0
        assert (await agent("revert"))["budget"]["trials_without_keep"] == 1


async def test_a_keep_restarts_the_plateau(connect: Connect, make_project: MakeProject) -> None:
    project = _project(make_project, "plateau: 2")
    async with connect(project) as agent:
        await _worse(agent, 1)
        await agent("run_trial", description="better", content=BETTER)
        assert (await _worse(agent, 2))["continue"] is True
        assert (await _worse(agent, 3))["continue"] is False


async def test_a_nudge_is_said_in_every_reply_and_ends_nothing(connect: Connect, make_project: MakeProject) -> None:
    project = _project(make_project, "plateau: {trials: 2, action: nudge}")
    async with connect(project) as agent:
        assert "nudge" not in (await _worse(agent, 1))["budget"]
        second = await _worse(agent, 2)
        read = await agent("read_target")
        third = await agent("run_trial", description="more", content=CRASH)
        program_said = (await agent("read_program"))["text"]
        better = await agent("run_trial", description="better", content=BETTER)
    assert second["budget"]["nudge"].startswith("2 trials in a row brought nothing to keep")
    assert read["budget"]["nudge"] == second["budget"]["nudge"]
    assert third["continue"] is True
    assert "3 trials in a row" in third["budget"]["nudge"]
    assert "3 trials in a row" in program_said
    assert "nudge" not in better["budget"]


@pytest.mark.promise("hard budget")
async def test_a_session_ends_when_the_best_reaches_the_goal_until_there_is_another(
    connect: Connect, make_project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project = _project(make_project, "goal: 2")
    async with connect(project) as agent:
        assert "the session ends as well when the best reaches loss <= 2" in (await agent("read_program"))["text"]
        await _worse(agent, 1)
        last = await agent("run_trial", description="there", content=BETTER)
        assert last["decision"] == "keep"
        assert last["continue"] is False
        assert last["budget"]["reason"] == "trial 2 reaches the goal: loss 2, goal 2"
        await _extend(project, "--experiments", "5")
        assert "Still over: trial 2 reaches the goal: loss 2, goal 2. A person can set" in capsys.readouterr().out
        assert "reaches the goal" in await agent.refused("run_trial", description="x", content="echo loss: 1\n")
        await _extend(project, "--goal", "1.5")
        assert "goal 2.0 -> 1.5" in capsys.readouterr().out
        assert (await _worse(agent, 2))["continue"] is True
    assert _audited(project) == {}


async def test_a_gain_at_the_goal_ends_the_session_only_once_it_is_kept(
    connect: Connect, make_project: MakeProject
) -> None:
    project = _project(make_project, "goal: 2")
    async with connect(project) as agent:
        assert (await measured(agent, BETTER))["continue"] is True
        assert (await agent("keep"))["continue"] is False


async def test_a_baseline_at_the_goal_says_so_and_measures_no_draft(
    connect: Connect, make_project: MakeProject
) -> None:
    project = _project(make_project, "goal: 3")
    async with connect(project) as agent:
        answer = await agent("run_trial", description="better", content=BETTER)
    assert answer["continue"] is False
    assert "The draft was not measured: the session is over (the baseline already reaches the goal" in answer["text"]
    assert answer["budget"]["experiments_spent"] == 0


async def test_the_last_trials_are_announced_in_data_and_text(connect: Connect, make_project: MakeProject) -> None:
    project = _project(make_project, "max_experiments: 4")
    async with connect(project) as agent:
        assert "warning" not in (await _worse(agent, 1))["budget"]
        second = await _worse(agent, 2)
        assert second["budget"]["warning"] == "about 2 trials left"
        said = (await agent.client.call_tool("check_budget", {})).content[0].text
        assert "Warning: about 2 trials left." in said
        assert second["budget"]["hours_left_estimate"] >= 0


@pytest.mark.promise("hard budget")
async def test_hours_that_a_suspended_machine_slept_through_are_spent(
    connect: Connect, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The uptime counts suspended time, and the wall clock was set back meanwhile."""
    real = budget.now
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        _clock(monkeypatch, lambda: replace(real(), utc=0.0, uptime=real().uptime + 7.9 * 3600))
        assert "98 % used" in (await agent("check_budget"))["budget"]["warning"]
        _clock(monkeypatch, lambda: replace(real(), utc=0.0, uptime=real().uptime + 8 * 3600))
        said = await agent.refused("run_trial", description="late", content=BETTER)
    assert "8.00 of 8.0 hours" in said


@pytest.mark.promise("hard budget")
async def test_a_clock_that_is_set_back_across_a_boot_gives_no_time_back(
    connect: Connect, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = budget.now
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        _clock(monkeypatch, lambda: replace(real(), uptime=real().uptime + 7 * 3600))
        await _worse(agent, 1)
        _clock(monkeypatch, lambda: replace(real(), utc=0.0, boot_id="next", uptime=1.0))
        after = (await agent("check_budget"))["budget"]["seconds_spent"]
    assert after >= 7 * 3600
