"""pause and resume, by the person's own command beside a real server and its client."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.conftest import MakeProject
from tests.finished import Finished, found
from tests.sessions import Held, kinds, records

from .steered import BETTER, Connect, steer, until

pytestmark = pytest.mark.anyio


async def test_a_paused_session_begins_no_trial_and_lets_everything_else_go_on(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "pause")
        await agent("edit_target", content=BETTER)
        said = await agent.refused("run_eval", description="x", wait_seconds=0)
        other = await agent.refused("run_trial", description="x", content="echo loss: 2\n", wait_seconds=0)
        budget = await agent("check_budget")
        await agent("revert")
        await agent("append_result")
    for text in (said, other):
        assert "the session is paused by the person, so no trial begins. Call run_eval again to wait" in text
    assert (budget["continue"], budget["paused"]) == (True, True)
    assert budget["next"].startswith("run_eval waits until the person resumes")
    assert kinds(project).count("trial_started") == 1
    assert "undone" not in {r.data["via"] for r in records(project) if r.kind == "edited"}


async def test_a_call_that_waits_begins_its_trial_once_the_person_resumes(connect: Connect, project: Path) -> None:
    """It does not hold the lock meanwhile: other calls are answered, and the resume is taken in without any call."""
    answers: list[dict[str, Any]] = []

    async def wait(agent: Any) -> None:
        answers.append(await agent("run_trial", description="better", content=BETTER, wait_seconds=60))

    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "pause")
        assert (await agent("check_budget"))["paused"] is True
        async with anyio.create_task_group() as group:
            group.start_soon(wait, agent)
            await until(lambda: kinds(project).count("call") == 3)
            assert (await agent("check_budget"))["paused"] is True
            assert not answers
            await steer(project, "resume")
    (answer,) = answers
    assert (answer["decision"], answer["metrics"]) == ("keep", {"loss": 1.0})
    assert "paused" not in answer
    assert kinds(project).index("unpaused") < len(kinds(project)) - 1 - kinds(project)[::-1].index("trial_started")


async def test_a_call_that_is_cancelled_in_a_pause_begins_nothing_after_it(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "pause")
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: agent("run_trial", description="x", content=BETTER))
            await until(lambda: kinds(project).count("call") == 2)
            group.cancel_scope.cancel()
        await steer(project, "resume")
        await until(lambda: "unpaused" in kinds(project))
        answer = await agent("run_trial", description="y", content="echo loss: 2\n")
    assert (answer["trial"], answer["metrics"]) == (1, {"loss": 2.0})
    assert kinds(project).count("trial_started") == 2


async def test_the_running_trial_ends_normally_in_a_pause(connect: Connect, project: Path) -> None:
    held = Held(loss=1)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        await steer(project, "pause")
        await until(lambda: "paused" in kinds(project))
        await held.release()
        answer = await agent("run_eval", description="slow")
    assert (answer["trial"], answer["decision"], answer["paused"]) == (1, "keep", True)


async def test_the_trial_behind_a_baseline_does_not_begin_in_a_pause(
    connect: Connect, make_project: MakeProject
) -> None:
    held = Held(loss=3)
    project = make_project({"run.sh": held.text})
    async with connect(project) as agent:
        await agent("edit_target", content=BETTER)
        await agent("run_eval", description="better", wait_seconds=0)
        await held.started()
        await steer(project, "pause")
        await until(lambda: "paused" in kinds(project))
        await held.release()
        answer = await agent("run_eval", description="better", wait_seconds=60)
        assert (answer["trial"], answer["verdict"]) == (0, "equal")
        assert "The draft was not measured: the session is paused" in answer["text"]
    assert kinds(project).count("trial_started") == 1


async def test_a_pause_that_nobody_holds_is_journaled_at_once_and_binds_the_next_server(
    connect: Connect, done: Finished
) -> None:
    await steer(done.repo, "pause")
    async with connect(done.repo) as agent:
        said = await agent.refused("run_trial", description="x", content="echo loss: 0\n", wait_seconds=0)
        assert "paused" in said
    await steer(done.repo, "resume")
    async with connect(done.repo) as agent:
        assert (await agent("run_trial", description="x", content="echo loss: 0\n"))["decision"] == "keep"
    assert found(done.verified()) == {}


async def test_a_pause_in_the_journal_before_a_trial_is_a_finding(done: Finished) -> None:
    line = done.line_of("trial_started", trial=5)

    def paused(found_records: list[dict[str, Any]]) -> None:
        found_records.insert(line - 1, found_records[line - 2] | {"kind": "paused", "data": {"message": ""}})

    done.forge(paused)
    assert any("trial 5: the session was paused" in said for said in found(done.verified())["steps"])
