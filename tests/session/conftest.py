"""What the tests of sessions share: an agent in memory, sessions opened without one, and where their state lies."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client
from mcp_types import TextContent
from referee.server.app import build
from referee.session.opening import open_session
from referee.session.places import find_checkout
from referee.session.project import Project
from referee.session.session import Session


class Agent:
    """A client that speaks in tool calls and keeps the last answer."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed; return its structure."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, _text(result.content)
        assert result.structured_content is not None
        return cast("dict[str, Any]", result.structured_content)

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must refuse; return its text."""
        result = await self.client.call_tool(tool, arguments)
        text = _text(result.content)
        assert result.is_error, text
        assert text.startswith(f"ERROR {tool}: ")
        return text


def _text(content: Any) -> str:
    assert len(content) == 1
    assert isinstance(content[0], TextContent)
    return content[0].text


Connect = Callable[..., AbstractAsyncContextManager[Agent]]


@pytest.fixture
def connect() -> Connect:
    """Connect an agent in memory to a server of a project folder."""

    @asynccontextmanager
    async def connected(folder: Path, tag: str | None = None) -> AsyncGenerator[Agent]:
        async with Client(build(folder, tag), raise_exceptions=True) as client:
            yield Agent(client)

    return connected


Opened = Callable[..., AbstractContextManager[Session]]


@pytest.fixture
def opened() -> Opened:
    """Open a session in this process, without a server."""

    @contextmanager
    def open_now(folder: Path, tag: str | None = "mar8") -> Generator[Session]:
        project = Project(folder)
        try:
            session = open_session(project, tag)
            try:
                yield session
            finally:
                session.close()
        finally:
            project.git.close()

    return open_now


@pytest.fixture
def home_of() -> Callable[[Path], Path]:
    """The state folder of the one session of a project."""

    def home(folder: Path) -> Path:
        (pointer,) = find_checkout(folder).pointers().iterdir()
        return Path(pointer.read_text(encoding="utf-8").strip())

    return home
