"""stop and stop --now, by the person's own command beside a real server and its client."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.conftest import MakeProject
from tests.sessions import Held, kinds, rows

from .steered import BETTER, Connect, state_of, steer, until

pytestmark = pytest.mark.anyio


async def test_a_stopped_session_is_over_with_the_reason_until_it_is_resumed(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "stop", "good enough")
        budget = await agent("check_budget")
        said = await agent.refused("run_trial", description="x", content=BETTER)
        await steer(project, "resume")
        answer = await agent("run_trial", description="x", content=BETTER)
    assert budget["continue"] is False
    assert budget["budget"]["reason"] == "stopped by the person: good enough"
    assert "stopped by the person: good enough" in said
    assert "referee resume" in said
    assert (answer["decision"], answer["continue"]) == ("keep", True)


async def test_stop_lets_the_running_trial_end_normally(connect: Connect, project: Path) -> None:
    held = Held(loss=1)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        await steer(project, "stop")
        await until(lambda: "stopped" in kinds(project))
        await held.release()
        answer = await agent("run_eval", description="slow")
    assert (answer["decision"], answer["continue"]) == ("keep", False)


@pytest.mark.promise("nothing lost")
async def test_stop_now_ends_the_running_trial_as_interrupted_without_any_call(
    connect_stdio: Connect, project: Path
) -> None:
    held = Held(loss=1)
    async with connect_stdio(project) as agent:
        await agent("run_eval", description="baseline")
        before = (await agent("read_target"))["sha256"]
        await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        await held.started()
        await steer(project, "stop", "--now", "bed time")
        await until(lambda: "trial_interrupted" in kinds(project))
        answer = await agent("run_eval", description="slow")
        draft = (await agent("read_target"))["sha256"]
        budget = await agent("check_budget")
        await steer(project, "resume")
        again = await agent("run_trial", description="next", content=BETTER)
    assert (answer["trial"], answer["decision"], answer["continue"]) == (1, "crash", False)
    assert answer["reason"] == "interrupted: stopped by the person: bed time"
    assert draft == before
    assert rows(project)[2][1:] == ["0.000000", "0.0", "crash", "interrupted: slow"]
    assert budget["budget"]["experiments_spent"] == 1
    assert budget["budget"]["crashes_in_a_row_left"] == 10
    assert (again["trial"], again["decision"]) == (2, "keep")


async def test_stop_now_reaches_the_call_that_waits(connect: Connect, project: Path) -> None:
    held = Held(loss=1)
    answers: list[dict[str, Any]] = []

    async def wait(agent: Any) -> None:
        answers.append(await agent("run_trial", description="slow", content=held.text, wait_seconds=60))

    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        async with anyio.create_task_group() as group:
            group.start_soon(wait, agent)
            await held.started()
            await steer(project, "stop", "--now")
    assert (answers[0]["decision"], answers[0]["reason"]) == ("crash", "interrupted: stopped by the person")


async def test_stop_now_in_a_baseline_leaves_no_trial_behind(connect: Connect, make_project: MakeProject) -> None:
    held = Held(loss=3)
    project = make_project({"run.sh": held.text})
    said: list[str] = []

    async def wait(agent: Any) -> None:
        said.append(await agent.refused("run_eval", description="baseline", wait_seconds=60))

    async with connect(project) as agent:
        async with anyio.create_task_group() as group:
            group.start_soon(wait, agent)
            await held.started()
            await steer(project, "stop", "--now", "wrong data")
        assert "the baseline was not measured: stopped by the person: wrong data" in said[0]
        assert (await agent("check_budget"))["continue"] is False
    assert state_of(project).trials == {}


async def test_a_stop_now_without_a_trial_does_not_end_a_later_one(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "stop", "--now")
        await until(lambda: "stopped" in kinds(project))
        await steer(project, "resume")
        held = Held(loss=1)
        answer = await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        assert answer["status"] == "running"
        await held.release()
        assert (await agent("run_eval", description="slow"))["decision"] == "keep"
