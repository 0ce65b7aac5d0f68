"""The evaluator's end of the link: makes the pipes of one load of the target and waits for the jail to open them.

Nothing imports it on the host: its text runs in the evaluator's world. The folder of the link exists in both worlds;
the jail can open what is in it and make nothing there. It holds `calls`, a named pipe on which the jail learns of a
load by its id, and while a load begins its own pipes, `ID.to` and `ID.from`.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from typing import NamedTuple

from .frames import Pipe

_PAUSE = 0.0005
_NOTED_BYTES = 64 * 1024


class Told(NamedTuple):
    """What a stand-in is told by whoever made its text.

    Attributes:
        link: Folder of the link.
        message_bytes: The most that one message may have.
        call_seconds: The most that one call may take; None for no bound but the trial's.
        start_seconds: The most that it may take until the jail answers for the first time.
    """

    link: str
    message_bytes: int
    call_seconds: float | None
    start_seconds: float


class Connection:
    """The pipes of one load.

    Attributes:
        pipe: For messages.
        readers: Further pipes that are read, by their endings.
        names: Their paths, by their endings; they are removed when both sides have opened them.
    """

    def __init__(self, told: Told, readers: tuple[str, ...] = (), writers: tuple[str, ...] = ()) -> None:
        token = os.urandom(16).hex()
        end = time.monotonic() + told.start_seconds
        self.names = {ending: f"{told.link}/{token}.{ending}" for ending in ("to", "from", *readers, *writers)}
        held: dict[str, int] = {}
        try:
            for ending, path in self.names.items():
                os.mkfifo(path)
                held[ending] = _fifo(path, os.O_RDONLY)
                # The umask must not keep out the jail, which is another user.
                os.fchmod(held[ending], 0o666)
            # While this side reads such a pipe itself, nobody could tell whether the jail does.
            for ending in ("to", *writers):
                os.close(held.pop(ending))
            _announce(f"{told.link}/calls", f"{token}\n".encode(), end)
            held["to"] = _opened_by_both(self.names["to"], end)
        except BaseException:
            for descriptor in held.values():
                os.close(descriptor)
            self.unlink()
            raise
        self.pipe = Pipe(held["from"], held["to"], told.message_bytes)
        self.readers = {ending: held[ending] for ending in readers}

    def unlink(self) -> None:
        """Remove the names; what is open stays open."""
        for path in self.names.values():
            with suppress(OSError):
                os.unlink(path)

    def writer(self, ending: str) -> int:
        """Open a pipe that the jail reads already; its descriptor blocks."""
        descriptor = _fifo(self.names[ending], os.O_WRONLY)
        os.set_blocking(descriptor, True)
        return descriptor


def _fifo(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RuntimeError(f"{path} is no named pipe")
    return descriptor


def _opened_by_both(path: str, end: float) -> int:
    """Open a pipe for writing as soon as somebody reads it."""
    while True:
        try:
            return _fifo(path, os.O_WRONLY)
        except OSError as error:
            if time.monotonic() > end:
                raise RuntimeError("the jailed process of the target did not answer when it was to start") from error
            if not stat.S_ISFIFO(os.lstat(path).st_mode):
                raise RuntimeError(f"{path} is no named pipe") from error
        time.sleep(_PAUSE)


def _announce(path: str, line: bytes, end: float) -> None:
    descriptor = _opened_by_both(path, end)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def note(told: Told, sentence: str) -> None:
    """Leave a sentence for `referee check` in the file `refused` of the link, once, as far as there is room."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    line = f"{sentence}\n".encode("utf-8", "replace")
    with suppress(OSError):
        descriptor = os.open(f"{told.link}/refused", flags, 0o666)
        try:
            found = os.read(descriptor, _NOTED_BYTES)
            if line not in found and len(found) + len(line) <= _NOTED_BYTES:
                os.write(descriptor, line)
        finally:
            os.close(descriptor)
