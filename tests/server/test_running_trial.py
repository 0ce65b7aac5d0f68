"""While a trial runs: waiting, attaching, cancelling, what is refused, and a server that ends in it."""

from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.server.moves import BETTER, edit
from tests.sessions import Held, kinds, rows

pytestmark = pytest.mark.anyio


HANGING = "echo started; touch started; sleep 60; echo loss: 1\n"


async def test_a_run_that_outlasts_its_wait_goes_on_and_the_same_call_attaches(connect: Any, project: Path) -> None:
    held = Held(loss=1)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        first = await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        other = await agent.refused("run_trial", description="another", content=BETTER)
        await held.release()
        attached = await agent("run_trial", description="slow", content=held.text, wait_seconds=50)
    assert first["status"] == "running"
    assert "is running" in other or "has been running" in other
    assert (attached["decision"], attached["metrics"]) == ("keep", {"loss": 1.0})
    assert rows(project)[2][3:] == ["keep", "slow"]
    assert kinds(project).count("trial_started") == 2


async def test_run_eval_attaches_to_a_running_trial_and_delivers_its_decision(connect: Any, project: Path) -> None:
    held = Held(loss=1)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        started = await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        await held.release()
        answer = await agent("run_eval", description="whatever")
    assert (started["trial"], started["status"]) == (1, "running")
    assert (answer["trial"], answer["decision"]) == (1, "keep")


async def test_a_result_that_nobody_waited_for_is_delivered_later(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await edit(agent, BETTER)
        await agent("run_eval", description="better", wait_seconds=0)
        with anyio.fail_after(60):
            while (answer := await agent("run_eval", description="better", wait_seconds=0))["status"] == "running":
                pass
    assert (answer["trial"], answer["verdict"]) == (1, "improved")


async def test_a_cancelled_call_detaches_and_the_trial_goes_on(connect: Any, project: Path) -> None:
    held = Held(loss=1)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await edit(agent, held.text)
        async with anyio.create_task_group() as group:
            group.start_soon(partial(agent, "run_eval", description="slow"))
            await held.started()
            group.cancel_scope.cancel()
        await held.release()
        answer = await agent("run_eval", description="slow")
    assert (answer["trial"], answer["verdict"]) == (1, "improved")
    assert kinds(project).count("trial_started") == 2


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("edit_target", {"content": BETTER}),
        ("keep", {}),
        ("revert", {}),
        ("append_result", {}),
        ("run_trial", {"description": "x", "content": BETTER}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_running_trial_refuses_what_would_disturb_it(
    connect: Any, project: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await edit(agent, HANGING)
        await agent("run_eval", description="hanging", wait_seconds=0)
        said = await agent.refused(tool, **arguments)
        assert (await agent("check_budget"))["continue"] is True
    assert "trial 1 ('hanging') has been running for" in said
    assert "Call run_eval to wait for it" in said


@pytest.mark.promise("nothing lost")
async def test_a_server_that_ends_in_a_trial_closes_it_as_interrupted_and_it_may_run_again(
    connect: Any, project: Path
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await edit(agent, "sleep 60; echo loss: 1\n")
        await agent("run_eval", description="long", wait_seconds=0)
    assert rows(project)[2][1:] == ["0.000000", "0.0", "crash", "interrupted: long"]
    async with connect(project) as agent:
        budget = (await agent("check_budget"))["budget"]
        again = await agent("run_eval", description="long again", wait_seconds=0)
    assert budget["experiments_spent"] == 1
    assert budget["crashes_in_a_row_left"] == 10
    assert (again["trial"], again["status"]) == (2, "running")
