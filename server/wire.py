"""Standard input as the protocol needs it: claimed for the wire alone, and no request without an answer.

The SDK drops a line that it cannot read, and a client that sent it waits for ever. Here such a line is answered with
a JSON-RPC error: under its own id where one can be read, else with `"id": null`, as JSON-RPC 2.0 section 5 has it.
Bytes that are no UTF-8 and halves of characters are refused, never replaced by other characters.
"""

import fcntl
import json
import os
from io import TextIOWrapper
from types import TracebackType
from typing import Any, Protocol, Self, cast

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCNotification, RequestId

_NOT_JSON = "the line is no JSON; expected one JSON-RPC 2.0 message per line, in UTF-8. Nothing was done."
_NOT_TEXT = (
    "the message holds bytes or escapes that are no character (such as half a surrogate pair). Nothing was done."
)
_NO_MESSAGE = (
    'no JSON-RPC 2.0 message: expected one object with "jsonrpc": "2.0", a method, an id that is a string or an '
    "integer, and params that are an object. Nothing was done."
)
_MOST_DIGITS = 4000  # json.loads raises for longer integers; such a one is no id


class Source(Protocol):
    """Where messages come from."""

    async def receive(self) -> SessionMessage | Exception:
        """The next message, or why a line was none."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


class Sink(Protocol):
    """Where messages go."""

    async def send(self, item: SessionMessage, /) -> None:
        """Send one."""
        ...


class Lines(anyio.AsyncFile[str]):
    """The lines of an input; the last one that was read is kept."""

    last = ""

    async def readline(self) -> str:
        """The next line, empty at the end of the input."""
        self.last = await super().readline()
        return self.last


def claimed_input() -> Lines:
    """Standard input under another descriptor; whatever reads descriptor 0 from now on meets its end."""
    private = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    binary = os.fdopen(private, "rb", closefd=False)  # a thread may still wait on it when the server ends
    return Lines(TextIOWrapper(binary, encoding="utf-8", errors="surrogateescape", newline="\n"))


class Answered:
    """What was read, without the lines that are no message: those are answered here.

    Args:
        read: Messages, and an exception for each line that is none, in order and unbuffered.
        write: Where answers go.
        lines: What `read` reads from.
    """

    def __init__(self, read: Source, write: Sink, lines: Lines) -> None:
        self._read, self._write, self._lines = read, write, lines

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        while not self._is_message(item := await self._read.receive()):
            if self._lines.last.strip():
                await self._write.send(SessionMessage(fault(self._lines.last)))
        return item

    def _is_message(self, item: SessionMessage | Exception) -> bool:
        if isinstance(item, Exception):
            return False
        notified = isinstance(item.message, JSONRPCNotification)  # also what has an id that is none, such as 1.5
        return not notified or "id" not in _parsed(self._lines.last)

    async def aclose(self) -> None:
        """Close what is read from."""
        await self._read.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


def fault(line: str) -> JSONRPCError:
    """What a line that is no message is answered with."""
    try:
        found = _parsed(line)
    except (ValueError, RecursionError):
        return _error(None, PARSE_ERROR, _NOT_JSON)
    sound = _sound(line) and _sound(json.dumps(found, ensure_ascii=False))
    return _error(_id(found), INVALID_REQUEST if sound else PARSE_ERROR, _NO_MESSAGE if sound else _NOT_TEXT)


def _parsed(line: str) -> Any:
    return json.loads(line, parse_int=lambda digits: int(digits) if len(digits) < _MOST_DIGITS else None)


def _error(number: RequestId | None, code: int, text: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=code, message=text))


def _sound(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _id(found: Any) -> RequestId | None:
    number = cast("dict[str, Any]", found).get("id") if isinstance(found, dict) else None
    if isinstance(number, bool) or not isinstance(number, str | int):
        return None
    return None if isinstance(number, str) and not _sound(number) else number
