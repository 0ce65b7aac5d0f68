"""What an agent is told of its trials is true, also of those that it never waited for; and the journal has it all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.server.moves import BETTER, WORSE, until_over
from tests.sessions import descriptions, records

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]
PROGRAM = """\
---
target: run.sh
evaluate: {command: sh run.sh, timeout: 20s}
metrics: {loss: minimize}
%s
---
"""


async def test_run_eval_delivers_the_discarded_trial_that_nobody_waited_for(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="worse", content=WORSE, wait_seconds=0)
        await until_over(agent, 1)
        answer = await agent("run_eval", description="what became of it")
        again = await agent("run_eval", description="nothing new")
    assert (answer["trial"], answer["decision"]) == (1, "discard")
    assert "Measured before as trial 0" in again["text"]


async def test_a_failing_baseline_that_nobody_waited_for_is_told_and_not_run_again(
    connect: Any, make_project: MakeProject
) -> None:
    project = make_project({"run.sh": "echo no number\n"})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline", wait_seconds=0)
        with anyio.fail_after(30):
            while not any(record.kind == "baseline_failed" for record in records(project)):
                await anyio.lowlevel.checkpoint()
        await agent("check_budget")
        said = await agent.refused("run_eval", description="baseline")
    assert "the baseline failed" in said
    assert [record.kind for record in records(project)].count("trial_started") == 1


async def test_a_draft_edited_since_is_measured_although_a_result_was_never_fetched(
    connect: Any, project: Path
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="worse", content=WORSE, wait_seconds=0)
        await until_over(agent, 1)
        await agent("edit_target", content=BETTER)
        answer = await agent("run_eval", description="better")
    assert (answer["trial"], answer["verdict"]) == (2, "improved")


async def test_the_next_call_of_a_reading_tool_is_one_that_is_possible(connect: Any, make_project: MakeProject) -> None:
    project = make_project({"program.md": PROGRAM % "budget: {max_experiments: 1}"})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("edit_target", content="sleep 1; echo loss: 1\n")
        await agent("run_eval", description="better", wait_seconds=0)
        running = await agent("check_budget")
        await agent("run_eval", description="better")
        pending = await agent("check_budget")
        await agent("keep")
        over = await agent("check_budget")
    assert running["next"] == "run_eval goes on waiting for trial 1."
    assert pending["next"] == "keep accepts trial 1; revert discards it."
    assert over["next"].startswith("Stop: ")


async def test_a_refused_revert_names_what_revert_takes(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        said = await agent.refused("revert", to="draft")
    assert "draft, best, baseline" not in said


async def test_a_page_past_the_end_is_refused(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        said = await agent.refused("read_target", start_line=99)
    assert "has 2 lines" in said


async def test_a_run_trial_without_any_change_stands_in_the_journal(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent.refused("run_trial", description="nothing given")
    assert [record.data["tool"] for record in records(project) if record.kind == "refused"] == ["run_trial"]


async def test_a_forgotten_row_is_written_when_the_server_ends(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("edit_target", content=BETTER)
        await agent("run_eval", description="better")
        await agent("keep")
    assert descriptions(project) == ["baseline", "better"]
