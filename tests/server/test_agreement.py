"""Text and structure of every answer say the same: some clients show a model the one, some the other."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp_types import TextContent

from tests.projects import program
from tests.server.moves import BETTER, CRASH, WORSE

pytestmark = pytest.mark.anyio
MakeProject = Callable[..., Path]
SLOW = "echo loss: 2.5; while :; do sleep 0.01; done\n"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS = ("verdict", "decision", "status")


def unsaid(facts: Mapping[str, Any], text: str) -> Iterator[str]:
    """What stands in the structure of an answer and not in its text."""
    numbers = {float(found) for found in _NUMBER.findall(text)}
    yield from (name for name in _WORDS if name in facts and facts[name] not in text)
    yield from (
        name for name in ("text", "next", "diff", "warning", "note", "reason") if facts.get(name, "") not in text
    )
    yield from (f"metric {name}" for name, value in facts.get("metrics", {}).items() if value not in numbers)
    if "trial" in facts and not re.search(rf"\b[Tt]rial {facts['trial']}\b", text):
        yield "trial"
    if f"continue {str(facts['continue']).lower()}" not in text:
        yield "continue"
    for role in ("best", "baseline"):
        if role in facts and f"{role} trial {facts[role]['trial']} " not in text:
            yield role
    left = facts["budget"]
    yield from (
        name for name in ("experiments_left", "seconds_left") if left[name] is not None and left[name] not in numbers
    )
    for row in facts.get("rows", ()):
        yield from (f"row {row['trial']} {name}" for name, cell in row.items() if cell not in text)
    yield from (f"told {line}" for line in facts.get("told", ()) if line not in text)


def calls(dice: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls of an agent that knows no order."""
    drafts = [BETTER, WORSE, CRASH, SLOW, "echo loss: 2\n", "echo loss: 1.5\n"]
    made: dict[str, Callable[[], dict[str, Any]]] = {
        "edit_target": lambda: {"content": dice.choice(drafts)},
        "run_eval": lambda: {"description": f"idea {dice.random():.3f}", "wait_seconds": dice.choice([0, 20])},
        "run_trial": lambda: {"description": f"idea {dice.random():.3f}", "content": dice.choice(drafts)},
        "keep": dict,
        "revert": lambda: {"to": dice.choice(["best", "1", "2"])},
        "append_result": lambda: {"lesson": "a lesson", "cost_usd": 0.01},
        "read_program": dict,
        "read_target": lambda: {"revision": dice.choice(["draft", "best", "1"])},
        "read_file": dict,
        "read_results": lambda: {"view": dice.choice(["rows", "summary"])},
        "read_log": dict,
        "check_budget": dict,
    }
    yield "run_eval", {"description": "baseline"}
    for _ in range(40):
        tool = dice.choice([*made, "run_trial", "run_eval"])
        yield tool, made[tool]()


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_called_text_and_structure_agree(connect: Any, make_project: MakeProject, seed: int) -> None:
    project = make_project({"program.md": program(more="budget: {max_experiments: 9}", timeout="1s")})
    answered, refused = 0, 0
    async with connect(project) as agent:
        for tool, arguments in calls(random.Random(seed)):  # noqa: S311 - any order does
            result = await agent.client.call_tool(tool, arguments)
            (content,) = result.content
            assert isinstance(content, TextContent)
            if result.is_error:
                refused += 1
                assert content.text.startswith(f"ERROR {tool}: ")
                assert result.structured_content is None
                continue
            answered += 1
            assert list(unsaid(result.structured_content, content.text)) == [], (tool, content.text)
    assert answered > 10
    assert refused


async def test_a_text_that_leaves_something_out_is_noticed(connect: Any, project: Path) -> None:
    """The comparison above can fail."""
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        facts = await agent("run_trial", description="better", content=BETTER)
    assert set(unsaid(facts, "")) >= {"verdict", "decision", "trial", "continue", "best", "metric loss", "next"}
