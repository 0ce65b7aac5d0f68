"""MCP prompts: the texts that start or resume an agent, for clients that offer them to a person as commands.

Guarantee: they are answered without touching the project.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from ..session import prompts


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: what a person reads of it, and the text that an agent is given."""

    description: str
    text: Callable[[], str]


PROMPTS = {
    "start": Prompt(
        "Begin: read the program, then try one idea after another until the budget is spent.", prompts.start
    ),
    "resume": Prompt("Go on: read what was tried and learned, then try the next ideas.", prompts.resume),
}


async def list_prompts(_: Any, __: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    """Every prompt; none takes arguments."""
    return types.ListPromptsResult(
        prompts=[types.Prompt(name=name, description=prompt.description) for name, prompt in PROMPTS.items()]
    )


async def get_prompt(_: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    """One prompt as a message of the person.

    Raises:
        MCPError: If there is none of that name.
    """
    prompt = PROMPTS.get(params.name)
    if prompt is None:
        raise MCPError(types.INVALID_PARAMS, f"unknown prompt {params.name!r}; known: {', '.join(PROMPTS)}")
    content = types.TextContent(type="text", text=prompt.text())
    message = types.PromptMessage(role="user", content=content)
    return types.GetPromptResult(description=prompt.description, messages=[message])
