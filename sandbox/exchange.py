"""The server's side of a connection to a trial's process: ask, wait for the answer without blocking the loop, stop.

Guarantee: a call that is cancelled returns only when the other side has closed, which it does after the trial is dead.
"""

import select
import socket
from contextlib import suppress
from typing import Any

import anyio

from . import wire

_PATIENCE = 30.0
_CHUNK = 1 << 16
# A measurement, and a fault in what came after it.
_MOST_ANSWERS = 2


async def exchange(sock: socket.socket, request: bytes, *, ahead: bool) -> dict[str, Any]:
    """Send a request and return its last answer, an empty one if there is none.

    Args:
        sock: Connected to a trial's process, not blocking.
        request: One or more messages of `wire`.
        ahead: Whether to return the first answer and not wait for the end of the connection.
    """
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            # One that gave up before it read everything has said why.
            await _send(sock, request)
        answers = await receive(sock, 1 if ahead else _MOST_ANSWERS)
        return wire.decode(answers.splitlines()[-1] if answers else b"{}")
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True), anyio.move_on_after(_PATIENCE):
            stop(sock)
            await receive(sock)
        raise


async def receive(sock: socket.socket, lines: int = _MOST_ANSWERS) -> bytes:
    """Return at least so many lines, or all that came until the other side closed."""
    data = bytearray()
    while data.count(b"\n") < lines:
        await anyio.wait_readable(sock)
        try:
            part = sock.recv(_CHUNK)
        except ConnectionResetError:
            break
        if not part:
            break
        data += part
    return bytes(data)


def stop(sock: socket.socket) -> None:
    """Order the trial at the other end to stop; one that has ended needs no order."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def has_ended(sock: socket.socket) -> bool:
    """Whether the other side has answered or gone although it was asked nothing."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


async def _send(sock: socket.socket, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            await anyio.wait_writable(sock)
