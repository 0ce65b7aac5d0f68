"""Drafts and the calls that measure them, as tests of the session's states make them."""

from typing import Any

import anyio

BETTER = "echo loss: 2\n# a comment\n"
WORSE = "echo loss: 4\n# a comment\n"
CRASH = "echo before the crash; exit 7\n"


async def edit(agent: Any, content: str) -> dict[str, Any]:
    """Make this the draft."""
    answer: dict[str, Any] = await agent("edit_target", content=content)
    return answer


async def measured(agent: Any, content: str, description: str = "an idea") -> dict[str, Any]:
    """Make this the draft and measure it."""
    await edit(agent, content)
    answer: dict[str, Any] = await agent("run_eval", description=description)
    return answer


async def until_over(agent: Any, trial: int) -> None:
    """Wait until the log of decisions holds that trial, without attaching to it."""
    with anyio.fail_after(30):
        while all(row["trial"] != str(trial) for row in (await agent("read_results"))["rows"]):
            await anyio.lowlevel.checkpoint()
