"""Runs of the client, one after another, and their transcripts: `agent/NNN-<client>.jsonl` and `.err`.

Guarantee: a transcript is never overwritten, shortened or rotated, and nobody else may read it. A run is over only
when nothing of it is alive, so the session's lock is free for the next one.
"""

import os
import re
import select
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...sandbox.errors import SandboxError
from ...sandbox.process import kill_all
from ..clients.base import Client, Launch, Told
from ..clients.errors import ClientError
from . import guard

_NUMBERED = re.compile(r"(\d{3,})-")
_TAIL = 1_000_000  # bytes of a transcript that are read for what its run said at its end
_ERRORS = 8_000


@dataclass(slots=True)
class Run:
    """One start of the client.

    `status` is its exit status (negative for a signal) once it has ended, and `lost` says that its keeper was killed.
    """

    number: int
    transcript: Path
    keeper: int
    orders: int
    news: int
    pid: int = 0
    status: int | None = None
    fault: str = ""
    lost: bool = False
    ending: bool = False
    _heard: bytes = b""

    @property
    def errors(self) -> Path:
        """Where its standard error went."""
        return self.transcript.with_suffix(".err")

    @property
    def over(self) -> bool:
        """Whether nothing of it is alive."""
        return self.status is not None

    def listen(self) -> None:
        """Take in what its keeper tells; it does not wait."""
        while not self.over and select.select([self.news], [], [], 0)[0]:
            told = os.read(self.news, 4096)
            *lines, self._heard = (self._heard + told).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace"))
            if not told:
                self._vanished()

    def _vanished(self) -> None:
        """The keeper has gone; it told how the client ended, or why it could not be started, or was killed."""
        if not self.over:
            self._close(1, lost=not self.fault)

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "pid":
            self.pid = int(rest)
        elif word == "fault":
            self.fault = rest
        elif word == "status":
            self._close(int(rest), lost=False)

    def end(self) -> None:
        """Ask for its end: SIGINT, then SIGTERM, then SIGKILL, then everything that it started."""
        if not self.ending and not self.over:
            self.ending = True
            with suppress(BrokenPipeError):
                os.write(self.orders, guard.END)

    def kill(self) -> None:
        """Have everything of it killed at once."""
        if self.orders >= 0:
            os.close(self.orders)
            self.orders = -1

    def wait(self) -> None:
        """Wait until it is over; after `end` this is bounded."""
        while not self.over:
            select.select([self.news], [], [])
            self.listen()

    def _close(self, status: int, *, lost: bool) -> None:
        """Collect the keeper; if it was killed, what it kept came here and is killed as well."""
        self.status, self.lost = status, lost
        self.kill()
        os.close(self.news)
        with suppress(ChildProcessError):
            os.waitpid(self.keeper, 0)
        if lost:
            with suppress(SandboxError):
                kill_all()

    def told(self, client: Client) -> Told:
        """What its transcript says of it."""
        errors = _end_of(self.errors, _ERRORS)
        return client.told(_end_of(self.transcript, _TAIL).splitlines(), self.fault or errors)


def last_number(folder: Path) -> int:
    """The number of the latest transcript in a folder, 0 if there is none."""
    found = [int(match[1]) for path in folder.iterdir() if (match := _NUMBERED.match(path.name))]
    return max(found, default=0)


def start(client: Client, launch: Launch, prompt: str, polite: float) -> Run:
    """Start the client headless, with a fresh context; `polite` as in `guard.Started`.

    Raises:
        ClientError: If its program is not there, or its transcript cannot be written.
    """
    words = client.headless(launch, prompt)
    env = os.environ | client.environment(launch)
    number = last_number(launch.folder) + 1
    transcript = launch.folder / f"{number:03d}-{client.name}{client.suffix}"
    try:
        streams = (_given(client.given(prompt)), _new(transcript), _new(transcript.with_suffix(".err")))
    except OSError as fault:
        raise ClientError(f"{transcript}: the transcript cannot be written ({fault.strerror}).") from None
    started = guard.Started(words, env, str(launch.repo), streams, polite)
    run = _forked(started, number, transcript)
    for descriptor in streams:
        os.close(descriptor)
    return run


def _forked(started: guard.Started, number: int, transcript: Path) -> Run:
    orders, ours = os.pipe()
    news, theirs = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(ours)  # or it would never see that the night is gone
        os.close(news)
        guard.keep(started, orders, theirs)
    os.close(orders)
    os.close(theirs)
    return Run(number, transcript, keeper, ours, news)


def _given(data: bytes) -> int:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return os.dup(file.fileno())


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _end_of(path: Path, size: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
