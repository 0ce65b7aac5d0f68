"""Real MCP clients, in memory and over stdio."""

import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import TextContent
from referee.server.app import build


class Agent:
    """A client that speaks in tool calls and keeps the last answer."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed; return its structure."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, _text(result.content)
        assert result.structured_content is not None
        return dict(result.structured_content)

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
    async def connected(folder: Path, tag: str | None = None, mode: str = "auto") -> AsyncGenerator[Agent, None]:
        async with Client(build(folder, tag), raise_exceptions=True, mode=mode) as client:
            yield Agent(client)

    return connected


@pytest.fixture
def connect_stdio() -> Connect:
    """Connect an agent to a server process over standard input and output."""

    @asynccontextmanager
    async def connected(folder: Path, *flags: str, mode: str = "auto") -> AsyncGenerator[Agent, None]:
        words = ["-m", "referee", "serve", "--repo", str(folder), *flags]
        server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ), cwd="/")
        async with Client(server, mode=mode) as client:
            yield Agent(client)

    return connected
