"""Killed at any instant, the server comes back to the same session and leaves no process behind."""

import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError, StdioServerParameters
from referee.session.fold import fold
from referee.session.state import State

from tests.sessions import records, running

pytestmark = pytest.mark.anyio

POINTS = [
    "edited:before",
    "edited:after",
    "trial_started:before",
    "trial_started:after",
    "trial refs:after",
    "running",
    "trial_measured:before",
    "trial_measured:after",
    "decided:before",
    "decided:after",
    "row:after",
    "refs:before",
    "refs:after",
    "results.tsv:before",
]
OFTEN = {
    "trial_started:after",
    "running",
    "trial_measured:after",
    "decided:after",
    "refs:before",
}  # tried by `make test`
BETTER = "echo loss: 2\nsleep {seconds}\n"


async def _die_in_a_trial(project: Path, point: str, content: str) -> None:
    script = str(Path(__file__).with_name("suicidal_server.py"))
    environment = dict(os.environ) | {"SUICIDE_AT": point}
    server = StdioServerParameters(command=sys.executable, args=[script, "--repo", str(project)], env=environment)
    with pytest.raises((MCPError, BaseExceptionGroup)):  # noqa: PT012 - the server may die in either call
        async with Client(server) as client:
            await client.call_tool("run_eval", {"description": "baseline"})
            with anyio.fail_after(60):
                await client.call_tool("run_trial", {"description": "better", "content": content})


def _state(project: Path) -> State:
    state = fold(records(project))
    assert state is not None
    return state


async def _nobody_runs(token: str) -> None:
    with anyio.fail_after(60):
        while running(token):
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("point", [pytest.param(p, marks=[] if p in OFTEN else [pytest.mark.slow]) for p in POINTS])
@pytest.mark.promise("nothing lost")
async def test_a_server_killed_at_any_point_of_a_trial_loses_nothing(
    connect_stdio: Any, project: Path, point: str
) -> None:
    token = f"300{os.getpid()}{POINTS.index(point)}"
    content = BETTER.format(seconds=f"6{token}" if point == "running" else f"0.{token}")
    await _die_in_a_trial(project, point, content)
    await _nobody_runs(token)
    before = _state(project)
    async with connect_stdio(project) as agent:
        await agent("revert", to="best") if before.undecided else await agent("append_result")
        draft = (await agent("read_target"))["text"]
        answer = await agent("run_trial", description="even better", content="echo loss: 1\n")
    after = _state(project)
    started = sorted(n for n in after.trials if n > 0)
    assert answer["decision"] == "keep"
    assert answer["budget"]["experiments_spent"] == len(started) == len(set(started))
    assert started == list(range(1, len(started) + 1))
    assert all(trial.decision and trial.row is not None for trial in after.trials.values())
    assert all(before.trials[n].decision in {None, after.trials[n].decision} for n in before.trials)
    kept_before = before.best
    assert kept_before in {t.number for t in after.kept}
    if point == "edited:before":
        assert "loss: 3" in draft
    elif point in {"edited:after", "trial_started:before", "running", "trial_started:after", "trial refs:after"}:
        assert "loss: 2" in draft
    lines = (project / "results.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(after.trials)
    if "trial_started" in point or point == "running":
        interrupted = [t for t in after.trials.values() if t.interrupted]
        assert len(interrupted) == (0 if point == "trial_started:before" else 1)
