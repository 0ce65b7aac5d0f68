"""A stand-in for the Responses API of OpenAI, in its streamed form (docs: Responses API, "Streaming events").

In code mode the model waits for a cell that has yielded, as a real one does; those turns are no part of the script.
"""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

from .stub import Request, Shown, Stub, Use, texts

WAIT = "wait"
_YIELDED = re.compile(r"Script running with cell ID (\w+)")
_CALLS = {"function_call", "custom_tool_call"}


class OpenAI(Stub):
    """What Codex talks with."""

    path = "/v1/responses"

    def events(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """One item: a call, or words."""
        given = body["input"]
        self.log.requests.append(Request(tuple(_names(body)), json.dumps(_said(body)), tuple(_shown(given))))
        item = _item(_waiting(given) or self.next(_made(given)))
        answer: dict[str, Any] = {"id": f"resp_{uuid.uuid4().hex}", "status": "in_progress", "output": []}
        yield {"type": "response.created", "response": answer}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        answer = answer | {"status": "completed", "output": [item], "usage": usage}
        yield {"type": "response.completed", "response": answer}


def _item(use: Use | None) -> dict[str, Any]:
    number = uuid.uuid4().hex[:16]
    if use is None:
        said: dict[str, Any] = {"type": "output_text", "text": "done", "annotations": []}
        return {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": [said]}
    called = {"call_id": f"call_{number}", "name": use.name, "status": "completed"}
    called |= {"namespace": use.namespace} if use.namespace else {}
    if isinstance(use.given, str):
        return {"type": "custom_tool_call", "id": f"ctc_{number}", "input": use.given} | called
    return {"type": "function_call", "id": f"fc_{number}", "arguments": json.dumps(use.given)} | called


def _names(body: dict[str, Any]) -> Iterator[str]:
    added = [item for item in body["input"] if item.get("type") == "additional_tools"]
    for tool in [*body.get("tools", []), *(tool for item in added for tool in item["tools"])]:
        yield str(tool.get("name", tool.get("type")))
        yield from (f"{tool.get('name')}.{inner.get('name')}" for inner in tool.get("tools", []))


def _said(body: dict[str, Any]) -> list[Any]:
    first = [item for item in body["input"] if item.get("type") == "message"]
    return [body.get("instructions"), first, body.get("tools")]


def _waiting(given: list[dict[str, Any]]) -> Use | None:
    results = [item for item in given if item.get("type", "").endswith("call_output")]
    found = _YIELDED.match(texts(results[-1]["output"])) if results else None
    return Use(WAIT, {"cell_id": found[1]}, "functions") if found else None


def _made(given: list[dict[str, Any]]) -> int:
    return sum(1 for item in given if item.get("type") in _CALLS and item.get("name") != WAIT)


def _shown(given: list[dict[str, Any]]) -> Iterator[Shown]:
    for item in given:
        if item.get("type", "").endswith("call_output"):
            yield Shown(item["call_id"], texts(item["output"]))
