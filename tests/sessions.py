"""What the tests read of a session from outside, and trials that last as long as a test wants."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import psutil
from referee.session import journal
from referee.session.places import find_checkout


def referee(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a person does, from nowhere in particular."""
    command = [sys.executable, "-m", "referee", *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, cwd="/")


def home_of(project: Path) -> Path:
    """The state folder of the one session of a project."""
    (pointer,) = find_checkout(project).pointers().iterdir()
    return Path(pointer.read_text(encoding="utf-8").strip())


def records(project: Path) -> list[journal.Record]:
    """The journal of the one session of a project."""
    return list(journal.load(home_of(project) / "journal.jsonl").records)


def kinds(project: Path) -> list[str]:
    """The kinds of its records."""
    return [record.kind for record in records(project)]


def interference(project: Path) -> list[str]:
    """What its journal tells of others."""
    return [record.data["what"] for record in records(project) if record.kind == "interference"]


def rows(project: Path) -> list[list[str]]:
    """The results of a project, cell by cell, the head first."""
    text = (project / "results.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]


def descriptions(project: Path) -> list[str]:
    """What the results of a project say that was tried."""
    return [cells[-1] for cells in rows(project)[1:]]


def running(word: str) -> list[psutil.Process]:
    """Processes whose command line holds a word."""
    return [one for one in psutil.process_iter(["cmdline"]) if word in " ".join(one.info["cmdline"] or ())]


class Held:
    """A target that runs until the test lets it end, so that no clock decides what happens first.

    It waits in a process that no other test has; its shell goes on when that is killed.
    """

    def __init__(self, loss: int) -> None:
        self._sleeper = f"sleep 3000.{os.getpid()}{loss}"
        self.text = f"{self._sleeper}; echo loss: {loss}\n"

    async def started(self) -> None:
        """Wait until the trial runs."""
        with anyio.fail_after(60):
            while not running(self._sleeper):
                await anyio.lowlevel.checkpoint()

    async def release(self) -> None:
        """Let the trial end; it must have been started."""
        await self.started()
        for sleeper in running(self._sleeper):
            sleeper.kill()
