"""What a person's client offers as commands: the two prompts, in both protocol eras, without touching the project."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).with_name("prompts.json")
ERAS = pytest.mark.parametrize("mode", ["legacy", "auto"])


@ERAS
async def test_the_prompts_change_only_on_purpose(connect: Any, project: Path, mode: str) -> None:
    """Run with UPDATE_GOLDEN=1 to accept a change."""
    async with connect(project, mode=mode) as agent:
        listed = (await agent.client.list_prompts()).prompts
        texts = {one.name: (await agent.client.get_prompt(one.name)).messages for one in listed}
    assert all(not one.arguments for one in listed)
    seen = {
        one.name: {"description": one.description, "messages": [[m.role, m.content.text] for m in texts[one.name]]}
        for one in listed
    }
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")
    assert seen == json.loads(GOLDEN.read_text(encoding="utf-8"))


@ERAS
async def test_a_prompt_is_answered_where_there_is_no_project(connect_stdio: Any, tmp_path: Path, mode: str) -> None:
    async with connect_stdio(tmp_path / "nowhere", mode=mode) as agent:
        answer = await agent.client.get_prompt("start")
    assert "read_program" in answer.messages[0].content.text


async def test_an_unknown_prompt_is_refused_with_the_known_ones(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        with pytest.raises(MCPError, match="known: start, resume"):
            await agent.client.get_prompt("stop")


def test_descriptions_fit_in_a_menu() -> None:
    assert all(len(one["description"]) <= 100 for one in json.loads(GOLDEN.read_text(encoding="utf-8")).values())
