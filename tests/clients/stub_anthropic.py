"""A stand-in for the Messages API of Anthropic, in its streamed form (docs: Messages API, "Streaming messages")."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from .stub import Request, Shown, Stub, Use, texts


class Anthropic(Stub):
    """What Claude Code talks with."""

    path = "/v1/messages"

    def events(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """One block: a call, or words."""
        messages, tools = body["messages"], [tool["name"] for tool in body.get("tools", [])]
        if tools:
            said = json.dumps([body.get("system"), messages[:1], body["tools"]])
            self.log.requests.append(Request(tuple(tools), said, tuple(_shown(messages))))
        use = self.next(_made(messages)) if tools else None
        message = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": body["model"]}
        usage = {"input_tokens": 10, "output_tokens": 1}
        yield {"type": "message_start", "message": message | {"content": [], "stop_reason": None, "usage": usage}}
        yield from _block(use)
        stop = {"stop_reason": "tool_use" if use else "end_turn", "stop_sequence": None}
        yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 20}}
        yield {"type": "message_stop"}


def _block(use: Use | None) -> Iterator[dict[str, Any]]:
    block: dict[str, Any] = {"type": "text", "text": ""}
    delta: dict[str, Any] = {"type": "text_delta", "text": "done"}
    if use:
        block = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:20]}", "name": use.name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(use.given)}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}


def _parts(messages: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    for message in messages:
        content: Any = message["content"]
        if not isinstance(content, str):
            yield from (part for part in content if part.get("type") == kind)


def _made(messages: list[dict[str, Any]]) -> int:
    return sum(1 for _ in _parts(messages, "tool_use"))


def _shown(messages: list[dict[str, Any]]) -> Iterator[Shown]:
    for part in _parts(messages, "tool_result"):
        yield Shown(part["tool_use_id"], texts(part.get("content", "")), bool(part.get("is_error")))
