"""A scripted agent that plays one session against the real server, over standard input and output.

It has no way past the tools: what it prints is what the server answered.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp_types import TextContent

from ..sandbox.errors import RefereeError
from ..session.numbers import show

Say = Callable[[str], None]
Step = Mapping[str, Any]
_BY_HAND = 2  # steps played with single tools, to show a keep, a refusal and a revert; the rest take run_trial
_WIDTH = 62


async def play(folder: Path, state: Path, tag: str, script: Sequence[Step], say: Say) -> None:
    """Measure the baseline, then play every step of the script; `say` gets one line for each thing that happens.

    Raises:
        RefereeError: If a call fails that the script counts on.
    """
    words = ["-m", "referee", "serve", "--repo", str(folder), "--tag", tag]
    env = dict(os.environ) | {"REFEREE_STATE_DIR": str(state)}
    server = StdioServerParameters(command=sys.executable, args=words, env=env, cwd="/")
    fault: RefereeError | None = None
    async with Client(server) as client:
        try:
            await _Agent(client, say).all(script)
        except RefereeError as found:  # raised below: a client's task group would wrap it
            fault = found
    if fault is not None:
        raise fault


class _Agent:
    def __init__(self, client: Client, say: Say) -> None:
        self._client, self._say = client, say

    async def all(self, script: Sequence[Step]) -> None:
        await self.baseline()
        for number, step in enumerate(script):
            await (self.by_hand(step) if number < _BY_HAND else self.at_once(step))

    async def baseline(self) -> None:
        self._tell("run_eval", await self._done("run_eval", description="the baseline, before anything is edited"))

    async def by_hand(self, step: Step) -> None:
        """Edit, run, and always try to keep: what may not be kept is refused, and then reverted."""
        change = {name: step[name] for name in ("edits", "content") if name in step}
        await self._done("edit_target", **change)
        found = await self._done("run_eval", description=step["description"])
        self._tell("run_eval", found, step["description"])
        said, facts = await self._call("keep")
        if facts is None:
            self._say(f"      keep        refused: {said}")
            facts = await self._done("revert")
        self._say(f"      {'keep' if facts['decision'] == 'keep' else 'revert':<11} {facts['decision']}")
        await self._done("append_result")

    async def at_once(self, step: Step) -> None:
        found = await self._done("run_trial", **step)
        self._tell("run_trial", found, step["description"])

    def _tell(self, tool: str, found: Mapping[str, Any], description: str = "baseline") -> None:
        text = description if len(description) <= _WIDTH else description[: _WIDTH - 1] + "…"
        metrics = ", ".join(f"{name} {show(value)}" for name, value in found["metrics"].items())
        verdict = "" if found["trial"] == 0 else found["verdict"]
        parts = [metrics, verdict, found.get("decision", "") if found["trial"] else ""]
        self._say(f"{found['trial']:>4}  {tool:<11} {text:<{_WIDTH}}  {'  '.join(part for part in parts if part)}")

    async def _done(self, tool: str, **arguments: Any) -> dict[str, Any]:
        said, facts = await self._call(tool, **arguments)
        if facts is None:
            raise RefereeError(f"the demo could not go on: {tool}: {said}")
        return facts

    async def _call(self, tool: str, **arguments: Any) -> tuple[str, dict[str, Any] | None]:
        """What the server said, and its facts unless it refused."""
        result = await self._client.call_tool(tool, arguments)
        said = " ".join(part.text for part in result.content if isinstance(part, TextContent))
        if result.is_error:
            return said.removeprefix(f"ERROR {tool}: "), None
        return said, result.structured_content


def script_of(folder: Path, name: str) -> list[Step]:
    """The steps of the script that came with the demo."""
    steps: list[Step] = json.loads((folder / name).read_text(encoding="utf-8"))
    return steps
