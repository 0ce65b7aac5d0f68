"""Nights of a scripted agent, as tests play them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from referee.session.fold import apply
from referee.session.state import State

from tests.projects import PROGRAM, git
from tests.sessions import home_of, records, running

HERE = Path(__file__).parent
PATIENCE = 100.0
Script = list[list[dict[str, Any]]]
GOES_ON: Script = [[{"until_refused": True}]]
"""One client that tries one idea after another, and does not take no for an answer."""


def limited(**limits: Any) -> str:
    """The program with a budget."""
    return PROGRAM.replace("---\nMake", f"budget: {json.dumps(limits)}\n---\nMake")


def wait_for(true: Callable[[], object], what: str) -> None:
    """Wait until something is true, for a bounded time."""
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit, what
        os.sched_yield()


class Night:
    """One project and one script."""

    def __init__(self, project: Path, script: Script) -> None:
        self.project = project
        self.script = project.parent / "script.json"
        self.script.write_text(json.dumps(script), encoding="utf-8")
        self._started: list[subprocess.Popen[str]] = []

    def close(self) -> None:
        """Leave nothing behind, also where a test failed."""
        for process in self._started:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def words(self, *flags: str) -> list[str]:
        """The command line of the night."""
        agent = [sys.executable, str(HERE / "scripted_agent.py"), str(self.script)]
        return [sys.executable, str(HERE / "quick_night.py"), "--repo", str(self.project), *flags, "--", *agent]

    def start(self, *flags: str, **pace: Any) -> "subprocess.Popen[str]":
        """Begin it."""
        env = dict(os.environ) | {"NIGHT_PACE": json.dumps(pace)}
        pipe = subprocess.PIPE
        words = self.words(*flags)
        night = subprocess.Popen(words, env=env, stdout=pipe, stderr=pipe, text=True, encoding="utf-8")
        self._started.append(night)
        return night

    def play(self, *flags: str, **pace: Any) -> "subprocess.CompletedProcess[str]":
        """Wait for its end."""
        night = self.start(*flags, **pace)
        try:
            out, err = night.communicate(timeout=PATIENCE)
        finally:
            night.kill()
        return subprocess.CompletedProcess(night.args, night.returncode, out, err)

    def events(self, *flags: str, **pace: Any) -> tuple[int, list[dict[str, Any]]]:
        """Wait for its end, and return its exit code and what it told as JSON."""
        done = self.play("--json", *flags, **pace)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines, done.stdout + done.stderr
        return done.returncode, [json.loads(line) for line in lines]

    @property
    def log(self) -> list[dict[str, Any]]:
        """What the agent noted."""
        file = Path(f"{self.script}.log")
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    @property
    def runs(self) -> list[dict[str, Any]]:
        """What the agent noted at each of its starts."""
        return [line for line in self.log if "run" in line]

    @property
    def state(self) -> State:
        """The session as its journal has it."""
        state: State | None = None
        for record in records(self.project):
            state = apply(state, record)
        assert state is not None
        return state

    @property
    def folder(self) -> Path:
        """Configuration and transcripts."""
        return home_of(self.project) / "agent"

    def alive(self) -> list[psutil.Process]:
        """What is left of agents and of this project's servers."""
        found = running(str(self.script)) + running(str(self.project))
        return [one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    def nothing_lives(self, mark: str = "") -> None:
        """Wait, for a bounded time, until all of that has gone."""
        wait_for(lambda: not self.alive() and not (mark and running(mark)), f"still alive: {self.alive()}")


def commit_program(project: Path, text: str) -> None:
    """Make this the committed program."""
    (project / "program.md").write_text(text, encoding="utf-8")
    git(project, "commit", "--quiet", "--all", "--allow-empty", "--message", "Another program")
