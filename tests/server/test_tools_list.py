"""What clients are told of the tools: a golden snapshot, sizes, annotations, and both protocol eras."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from referee.server.app import INSTRUCTIONS
from referee.server.schemas import described
from referee.tools.table import TOOLS

GOLDEN = Path(__file__).with_name("tools_list.json")
READING = {"read_program", "read_file", "read_target", "read_results", "read_log", "check_budget"}


def _listing() -> list[dict[str, Any]]:
    return [described(tool).model_dump(mode="json", by_alias=True, exclude_none=True) for tool in TOOLS.values()]


def test_the_list_of_tools_changes_only_on_purpose() -> None:
    """Run with UPDATE_GOLDEN=1 to accept a change."""
    listing = _listing()
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(listing, indent=1) + "\n", encoding="utf-8")
    assert listing == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_what_a_model_is_given_stays_small() -> None:
    given = [{key: tool[key] for key in ("name", "description", "inputSchema")} for tool in _listing()]
    assert len(json.dumps(given)) < 8_000


def test_every_tool_is_annotated_so_that_clients_can_approve_it() -> None:
    for tool in _listing():
        hints = tool["annotations"]
        assert hints["readOnlyHint"] is (tool["name"] in READING)
        assert hints["destructiveHint"] is False
        assert hints["openWorldHint"] is False
        assert "idempotentHint" in hints


def test_every_input_schema_is_closed_and_flat() -> None:
    for tool in _listing():
        assert tool["inputSchema"]["additionalProperties"] is False
        assert "$ref" not in json.dumps(tool)
        assert "title" not in json.dumps(tool["inputSchema"])


def test_the_table_names_every_tool_by_its_own_name() -> None:
    assert all(name == tool.name for name, tool in TOOLS.items())
    modules = {path.stem for path in (Path(__file__).parents[2] / "tools").glob("*.py")}
    assert set(TOOLS) <= modules


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_both_protocol_eras_see_the_same_tools_over_stdio(connect_stdio: Any, project: Path, mode: str) -> None:
    async with connect_stdio(project, mode=mode) as agent:
        tools = (await agent.client.list_tools()).tools
        answer = await agent("run_eval", description="baseline")
    assert [tool.name for tool in tools] == list(TOOLS)
    assert answer["metrics"] == {"loss": 3.0}


def test_the_first_words_of_the_instructions_carry_the_loop_and_the_pragma_of_a_code_mode() -> None:
    """A client that defers its tools shows about 250 characters before it is asked for more."""
    first = INSTRUCTIONS[:220]
    for word in ("read_program", "run_trial", "`continue` is false", '// @exec: {"yield_time_ms": 320000}'):
        assert word in first
