"""One `git cat-file --batch` that stays open and answers for many objects."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from subprocess import Popen
from typing import BinaryIO, cast

_HEADER_WORDS = 3  # object id, type, size; a missing object answers with two


class Batch:
    """The conversation with one process; a dead one is started again. For one thread at a time.

    Args:
        start: Starts the process, with pipes for its input and output.
    """

    def __init__(self, start: "Callable[[], Popen[bytes]]") -> None:
        self._start = start
        self._process: Popen[bytes] | None = None
        self._end = f"end-{secrets.token_hex(16)}"

    def ask(self, oid: str) -> tuple[str, bytes] | None:
        """Type and bytes of an object, unchecked; None if it is missing, empty if git broke off its answer."""
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            self._process = self._start()
        stdin, stdout = cast("BinaryIO", self._process.stdin), cast("BufferedReader", self._process.stdout)
        end = f"{self._end} missing\n".encode("ascii")
        with suppress(BrokenPipeError):
            stdin.write(f"{oid}\n{self._end}\n".encode())
            stdin.flush()
        words = stdout.readline().split()
        if len(words) != _HEADER_WORDS:
            return None if words and stdout.readline() == end else ("", b"")
        size = int(words[2])
        whole, answer = size + 1 + len(end), bytearray()
        # A damaged object may give fewer bytes than its header says; only the end mark tells, and git does not stop.
        while len(answer) < whole and not answer.endswith(end) and (chunk := stdout.read1(whole - len(answer))):
            answer += chunk
        if len(answer) < whole or not answer.endswith(end):
            return "", b""
        return words[1].decode("ascii"), bytes(answer[:size])

    def stop(self) -> None:
        """End the process; what it still had to say is forgotten."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
