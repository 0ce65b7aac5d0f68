"""Messages over two named pipes: a length and that many bytes, each way bounded in size and time.

Nothing imports it on the host: its text runs inside both worlds. Named pipes are used because the system call filter
refuses sockets, and because descriptors do not survive `subprocess`.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import time
from contextlib import suppress

_LENGTH = struct.Struct("<Q")
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of linux/fcntl.h
_PIPE_BYTES, _PIECE = 1 << 18, 1 << 20


class EndedError(RuntimeError):
    """The other side has closed its end, or is dead."""


class TooLargeError(ValueError):
    """A message is larger than the limit."""


class Pipe:
    """A pair of pipes, of which one is read and one is written; both descriptors do not block.

    Attributes:
        reader: Descriptor to read.
        writer: Descriptor to write.
        limit: Bytes that one message may have.
    """

    def __init__(self, reader: int, writer: int, limit: int) -> None:
        self.reader, self.writer, self.limit = reader, writer, limit
        for descriptor in (reader, writer):
            with suppress(OSError):
                fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE_BYTES)

    def send(self, body: bytes, end: float | None = None) -> None:
        """Send one message.

        Args:
            body: Its content.
            end: Moment of `time.monotonic` by which it must be sent; None for no bound.

        Raises:
            TooLargeError: it is larger than the limit; nothing was sent.
            EndedError: nobody reads.
            TimeoutError: it took too long.
        """
        if len(body) > self.limit:
            raise TooLargeError(f"a message of {len(body)} bytes; at most {self.limit} pass")
        left = memoryview(_LENGTH.pack(len(body)) + body)
        while left:
            try:
                left = left[os.write(self.writer, left[:_PIECE]) :]
            except BlockingIOError:
                _wait(self.writer, select.POLLOUT, end)
            except OSError:
                raise EndedError("nobody reads any more") from None

    def receive(self, end: float | None = None) -> bytes:
        """Receive one message; takes the same time limit as `send`.

        Raises:
            TooLargeError: it is announced as larger than the limit.
            EndedError: nobody writes any more.
            TimeoutError: it took too long.
        """
        (size,) = _LENGTH.unpack(self._exactly(_LENGTH.size, end))
        if size > self.limit:
            raise TooLargeError(f"a message of {size} bytes; at most {self.limit} pass")
        return self._exactly(size, end)

    def _exactly(self, size: int, end: float | None) -> bytes:
        parts: list[bytes] = []
        while size:
            _wait(self.reader, select.POLLIN, end)
            try:
                part = os.read(self.reader, min(size, _PIECE))
            except BlockingIOError:
                continue
            if not part:
                raise EndedError("nobody writes any more")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self.writer)


def _wait(descriptor: int, event: int, end: float | None) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    left = None if end is None else max(0.0, (end - time.monotonic()) * 1000)
    if not poll.poll(left):
        raise TimeoutError("the other side did not answer within the limit of one call")
