"""The target run as a program: its arguments and standard input go to the jail, its output and exit code come back.

Nothing imports it on the host: its text runs in the evaluator's world. The target gets none of this process's
environment; what it writes passes unchanged and unread.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress
from typing import Any

from .carry import MalformedError, Reference, decode, encode
from .connect import Connection, Told
from .frames import EndedError

_PIECE = 1 << 16
_SIGNALLED = 128


def forward(told: Told) -> None:
    """Run the target as a program, as if this process were it.

    Raises:
        SystemExit: it ended with another exit code than 0; 128 and the number of the signal that ended it, if one did.
        RuntimeError: the jail is dead, or what it sent is not what was asked for.
    """
    connection = Connection(told, readers=("out", "err"), writers=("in",))
    pipe = connection.pipe
    try:
        pipe.send(encode(("main", [str(word) for word in sys.argv[1:]]), _nothing))
        if decode(pipe.receive(), _unknown) != ("ready", []):
            raise MalformedError("the target's process answered something else than it was asked")
        threading.Thread(target=_feed, args=(connection.writer("in"),), daemon=True).start()
        connection.unlink()
        pipe.send(encode(("go",), _nothing))
        code = _relay(connection)
    finally:
        connection.unlink()
        for descriptor in connection.readers.values():
            os.close(descriptor)
        pipe.close()
    if code:
        raise SystemExit(code if code > 0 else _SIGNALLED - code)


def _nothing(_value: Any) -> None:
    return None


def _unknown(_reference: Reference) -> Any:
    raise MalformedError("the target's process named an object where none is expected")


def _feed(into: int) -> None:
    """Pass standard input on until it ends or nobody reads it any more."""
    with suppress(OSError), os.fdopen(into, "wb", 0) as pipe:
        try:
            source = sys.stdin.fileno()
        except (OSError, ValueError, AttributeError):
            pipe.write(str(sys.stdin.read() if sys.stdin else "").encode())
            return
        while piece := os.read(source, _PIECE):
            left = memoryview(piece)
            while left:
                left = left[pipe.write(left) or 0 :]


def _relay(connection: Connection) -> int:
    """Copy output until the target has ended; return its exit code, negative for a signal."""
    outputs = {connection.readers["out"]: sys.stdout, connection.readers["err"]: sys.stderr}
    poll = select.poll()
    for descriptor in (*outputs, connection.pipe.reader):
        poll.register(descriptor, select.POLLIN)
    code: int | None = None
    while code is None:
        for descriptor, _ in poll.poll():
            if descriptor == connection.pipe.reader:
                code = _ended(connection)
            elif not _copied(descriptor, outputs[descriptor]):
                poll.unregister(descriptor)
    for descriptor, into in outputs.items():
        while _copied(descriptor, into):
            pass
    return code


def _copied(descriptor: int, into: Any) -> bool:
    """Copy what is there; says whether there was something."""
    try:
        piece = os.read(descriptor, _PIECE)
    except BlockingIOError:
        return False
    if piece:
        binary = getattr(into, "buffer", None)
        (binary or into).write(piece if binary else piece.decode("utf-8", "replace"))
        into.flush()
    return bool(piece)


def _ended(connection: Connection) -> int:
    try:
        message = decode(connection.pipe.receive(), _unknown)
    except EndedError:
        raise EndedError("the jail of the target is dead") from None
    try:
        word, code = message
    except (TypeError, ValueError):
        word, code = "", None
    if word != "ended" or type(code) is not int:
        raise MalformedError("the target's process sent no message of the protocol")
    return max(-_SIGNALLED, min(code, 255))
