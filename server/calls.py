"""The table of tools over the loop of one project: a call and its answer.

Guarantee: a call that did nothing is a tool error whose text begins with `ERROR <tool>:`; a fault that nobody foresaw
is written to a file that the error names, never shown as a traceback.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from ..sandbox.errors import RefereeError
from ..session.errors import RefusedError
from ..session.loop import Call, Loop
from ..session.person import News
from ..tools.base import Listed
from ..tools.table import TOOLS
from . import replies
from .app import Context
from .faults import note_unexpected
from .mistakes import explain
from .schemas import described

_PROGRESS_SECONDS = 10.0
_ID_KEYS = ("claudecode/toolUseId", "callId")


async def list_tools() -> types.ListToolsResult:
    """Every tool, as clients see it."""
    return types.ListToolsResult(tools=[described(tool) for tool in TOOLS.values()])


async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
    """Call a tool.

    Raises:
        MCPError: If there is none of that name.
    """
    tool = TOOLS.get(params.name)
    if tool is None:
        raise MCPError(types.INVALID_PARAMS, f"unknown tool {params.name!r}; known: {', '.join(TOOLS)}")
    loop = await ctx.lifespan_context.loop(Loop)
    loop.agent = _agent(ctx)
    call = Call(tool.name, params.arguments or {}, _ids(ctx))
    answers: list[types.CallToolResult] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_progress, ctx, loop)
        answers.append(await _answer(loop, tool, call))
        tasks.cancel_scope.cancel()
    return answers[0]


async def _answer(loop: Loop, tool: Listed, call: Call) -> types.CallToolResult:
    try:
        facts = await _facts(loop, tool, call)
    except RefereeError as fault:
        said = str(fault)
        return await loop.told(None, lambda news: _failed(tool, "\n".join(filter(None, [said, news.text, news.note]))))
    except Exception as fault:  # noqa: BLE001 - the one place where what nobody foresaw becomes an answer
        return _failed(tool, note_unexpected(fault))
    text = types.TextContent(type="text", text=replies.compact(facts))
    return types.CallToolResult(content=[text], structured_content=facts)


async def _facts(loop: Loop, tool: Listed, call: Call) -> dict[str, Any]:
    try:
        reply, view = await tool.call(loop, call, dict(call.arguments))
    except ValidationError as error:
        fault = RefusedError(explain(tool, error))
        await loop.refuse(call, fault)
        raise fault from None
    return await loop.told(view, lambda news: replies.structured(reply, view, _but_own(tool, news)))


def _but_own(tool: Listed, news: News) -> News:
    """What the person says, without being sent to the tool that answers just now."""
    return replace(news, policy=False) if tool.name == "read_program" else news


def _failed(tool: Listed, text: str) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=replies.error(tool.name, text))], is_error=True
    )


async def _progress(ctx: Context, loop: Loop) -> None:
    elapsed = 0.0
    while True:
        await anyio.sleep(_PROGRESS_SECONDS)
        elapsed += _PROGRESS_SECONDS
        await ctx.session.report_progress(elapsed, None, loop.running())


def _agent(ctx: Context) -> str:
    client = ctx.session.client_params.client_info if ctx.session.client_params else None
    text = f"{client.name} {client.version}" if client else ""
    return "".join(char for char in text if char.isprintable())[:80]


def _ids(ctx: Context) -> dict[str, str]:
    meta: Mapping[str, Any] = dict(ctx.meta or {})
    ids = {key: str(meta[key])[:80] for key in _ID_KEYS if key in meta}
    return {"request": json.dumps(ctx.request_id)[:40], **ids}
