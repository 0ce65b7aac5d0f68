"""One seat at one project: the client's start as the product makes it, and what came of it."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
from referee.server.commands import overnight
from referee.server.commands.clients import Ready, ready
from referee.session import prompts
from referee.session.fold import fold
from referee.session.state import State

from tests.server.nights import wait_for
from tests.sessions import records, running

from .seats import YIELDED, Seat
from .stub import Stub

PATIENCE = 100.0


class Bench:
    """As a context, it leaves nothing alive."""

    def __init__(self, project: Path, seat: Seat, stub: Stub, scratch: Path) -> None:
        self.project, self.seat, self.stub = project, seat, stub
        self._scratch = scratch
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            for one in [*_family(process.pid), *self.left()]:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()

    # --- starting ----------------------------------------------------------------------------------------------------

    def overnight(self, *flags: str) -> dict[str, Any]:
        """`referee overnight` to its end; what it told at its end."""
        return self.end_of(self.night(*flags))

    def night(self, *flags: str) -> "subprocess.Popen[str]":
        """`referee overnight`."""
        words = ["--repo", str(self.project), "--client", self.seat.client, "--json", *flags]
        return self._start([sys.executable, "-m", "referee", "overnight", *words], "night")

    def end_of(self, night: "subprocess.Popen[str]", seconds: float = PATIENCE) -> dict[str, Any]:
        """What a night told at its end."""
        night.wait(seconds)
        told, complained = (self._scratch / name for name in ("night.out", "night.err"))
        assert night.returncode == 0, told.read_text(encoding="utf-8") + complained.read_text(encoding="utf-8")
        end: dict[str, Any] = json.loads(told.read_text(encoding="utf-8").splitlines()[-1])
        return end

    def client(self, *flags: str) -> "subprocess.Popen[str]":
        """A headless run without the keeper that `overnight` gives it, so that nobody cleans up after it."""
        found = self._ready(*flags)
        return self._start(found.client.headless(found.launch, prompts.start()), "client")

    def plain(self, *more: str) -> "subprocess.Popen[str]":
        """A headless run as of somebody who never heard of `overnight`: with the client's own limits, or with more."""
        return self._start([*self.seat.plain(self._ready().launch.server), *more], "client")

    def _ready(self, *flags: str) -> Ready:
        parser = argparse.ArgumentParser()
        overnight.add_arguments(parser)
        return ready(parser.parse_args(["--repo", str(self.project), "--client", self.seat.client, *flags]))

    def _start(self, words: list[str], name: str) -> "subprocess.Popen[str]":
        output, errors = self._scratch / f"{name}.out", self._scratch / f"{name}.err"
        with output.open("w", encoding="utf-8") as out, errors.open("w", encoding="utf-8") as err:
            process = subprocess.Popen(
                words, cwd=self.project, stdin=subprocess.DEVNULL, stdout=out, stderr=err, text=True, encoding="utf-8"
            )
        self._started.append(process)
        return process

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def answers(self) -> list[Any]:
        """What the model received for its calls of our tools, without what only says that a cell goes on."""
        received = [self.seat.received(shown) for shown in self.stub.log.shown]
        return [answer for answer in received if answer != YIELDED]

    @property
    def state(self) -> State:
        """The session as its journal has it."""
        state = fold(records(self.project))
        assert state is not None
        return state

    @property
    def ids(self) -> list[dict[str, str]]:
        """The ids of the calls that the journal tells of."""
        return [record.data["ids"] for record in records(self.project) if record.kind == "call"]

    def left(self) -> list[psutil.Process]:
        """Servers and clients of this project, and what they run, that are alive."""
        found = running(str(self.project))
        return [one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    def nothing_lives(self, *marks: str) -> None:
        """Wait, for a bounded time, until all of that has gone, and everything with these words."""
        wait_for(lambda: not self.left() and not any(map(running, marks)), f"still alive: {self.left()}")


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


Sit = Callable[..., Bench]
"""Seats a model at the project, with a script for each run of its client; once in a test."""
