"""A trial that runs while someone else is at work, for as long as a test wants."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from tests.sessions import Held

SLOW = Held(loss=2)


@asynccontextmanager
async def during_a_trial(connect: Any, project: Path) -> AsyncGenerator[Any]:
    """A trial that is running while the body works; it is over when the body asks for its result."""
    async with connect(project, "mar8") as agent:
        await agent("run_eval", description="baseline")
        await agent("edit_target", content=SLOW.text)
        started = await agent("run_eval", description="slow", wait_seconds=0)
        assert started["status"] == "running"
        await SLOW.started()
        yield agent


async def finished(agent: Any) -> dict[str, Any]:
    """Let the trial end and return its answer."""
    await SLOW.release()
    with anyio.fail_after(60):
        answer: dict[str, Any] = await agent("run_eval", description="slow", wait_seconds=50)
    return answer
