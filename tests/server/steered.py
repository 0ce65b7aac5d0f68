"""The person's commands beside a real server, and what came of them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
from referee.server.cli import main
from referee.session.fold import fold
from referee.session.state import State

from tests.sessions import records

BETTER = "echo loss: 1\n"
Connect = Callable[..., AbstractAsyncContextManager[Any]]


async def steer(folder: Path, command: str, *words: str, code: int = 0) -> None:
    """Run a command of the person."""
    assert await anyio.to_thread.run_sync(main, [command, "--repo", str(folder), *words]) == code


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another task brings about."""
    with anyio.fail_after(60):
        while not happened():
            await anyio.lowlevel.checkpoint()


def state_of(folder: Path) -> State:
    """The state that the journal gives."""
    state = fold(records(folder))
    assert state is not None
    return state


def told(folder: Path) -> list[dict[str, Any]]:
    """What the person said, and what the agent heard of it."""
    return [dict(record.data) for record in records(folder) if record.kind in {"told", "heard"}]
