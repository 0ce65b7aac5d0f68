"""One call of a tool, as a loop knows it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SHORT = 200
_MOST_ARGUMENTS = 20  # more than any tool takes


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool, as the journal tells it: tool, arguments, and the ids that the client gave it."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ids: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> str:
        """The same for two calls that ask for the same trial."""
        wanted = {name: value for name, value in self.arguments.items() if name != "wait_seconds"}
        return json.dumps([self.tool, wanted], sort_keys=True, default=str)

    def record(self) -> dict[str, Any]:
        """The call as the journal holds it: long texts by their length alone."""
        few = list(self.arguments.items())[:_MOST_ARGUMENTS]
        short = {name[:_SHORT]: _shortened(value) for name, value in few}
        return {"tool": self.tool, "arguments": short, "ids": dict(self.ids)}


def _shortened(value: object) -> object:
    text = json.dumps(value, default=str)
    return json.loads(text, parse_constant=str) if len(text) <= _SHORT else f"({len(text)} characters)"
