"""An agent cannot exhaust its server with tool calls: costs, texts and arguments are bounded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.server.moves import BETTER
from tests.sessions import records

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]
HUGE = 1_000_000


async def test_costs_that_add_up_to_infinity_are_refused_and_the_session_lives(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        said = await agent.refused("append_result", cost_usd=1.7e308)
        answer = await agent("run_trial", description="better", content=BETTER, cost_usd=0.5)
    assert "at most" in said
    assert answer["budget"]["cost_usd_spent"] == 0.5


async def test_a_crash_that_prints_one_endless_line_is_told_in_bounded_text_and_time(
    connect: Any, project: Path
) -> None:
    """Of fence characters, which the fence around it must outgrow."""
    text = "head -c 900000 /dev/zero | tr '\\0' '~'; exit 1\n"
    async with connect(project) as agent:
        with anyio.fail_after(30):
            answer = await agent("run_trial", description="flood", content=text)
    assert answer["decision"] == "crash"
    assert len(answer["text"]) < 100_000


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read_target", {"revision": "9" * 5000}),
        ("read_target", {"revision": "x" * HUGE}),
        ("revert", {"to": "9" * HUGE}),
        ("read_file", {"path": "x" * HUGE}),
        ("keep", {"x" * HUGE: 1}),
        ("keep", {f"argument{n}": n for n in range(5000)}),
        ("edit_target", {"edits": [{"old": "x"}] * 3000}),
        ("read_file", {"path": "\ud800"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_huge_arguments_are_refused_in_few_words_and_fill_no_journal(
    connect: Any, project: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        with anyio.fail_after(20):
            said = await agent.refused(tool, **arguments)
    assert len(said) < 3000
    assert "unexpected fault" not in said
    assert all(len(str(record.data)) < 5000 for record in records(project)[-3:])


async def test_numbers_that_the_contract_does_not_name_are_not_repeated_in_every_reply(
    connect: Any, make_project: MakeProject
) -> None:
    project = make_project({"run.sh": "echo loss: 3; echo aside: 7\n"})
    async with connect(project) as agent:
        answer = await agent("run_eval", description="baseline")
    assert answer["best"]["metrics"] == {"loss": 3.0}
