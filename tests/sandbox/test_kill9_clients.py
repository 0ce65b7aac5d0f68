"""Twenty times each, with the real server: its client or itself is killed with 9; nothing of its trial outlives it."""

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox import probe

from tests.projects import git, program
from tests.sessions import home_of

from . import hostile, witness
from .conftest import Lab
from .victims import ROUNDS, kill, living_line, related, skip_twin, survivors
from .witness import Traces, gone

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(900), pytest.mark.anyio]
_CLIENT = str(Path(__file__).with_name("lone_client.py"))


@pytest.fixture
def project(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose target is Python, where the users of trials can get to it and to its state."""
    skip_twin(lab)
    monkeypatch.setenv("REFEREE_STATE_DIR", str(lab.base / "server"))
    python, _ = probe.interpreter()
    text = program("train.py", f"{python} -B train.py", "sandbox: {minimum: none}", timeout="300s")
    for name, content in (("program.md", text), ("train.py", "print('loss: 3')\n")):
        (lab.root / name).write_text(content, encoding="utf-8")
    git(lab.root, "init", "--quiet")
    git(lab.root, "add", "--all")
    git(lab.root, "commit", "--quiet", "--message", "The project")
    yield lab.root
    witness.clean(lab.token)


@contextmanager
def playing(lab: Lab, token: str) -> Generator["subprocess.Popen[bytes]"]:
    """Start a client that has a trial with that token run; it is dead at the end, however the test went."""
    text = lab.base / "draft.py"
    text.write_text(hostile.daemons(token) + hostile.FOREVER, encoding="utf-8")
    client = subprocess.Popen([sys.executable, _CLIENT, lab.key, str(lab.root), str(text)], stderr=subprocess.DEVNULL)
    try:
        yield client
    finally:
        client.kill()
        client.wait()


@pytest.mark.parametrize("victim", ["client", "server"])
async def test_nothing_outlives_a_killed_end_of_the_pipes(
    lab: Lab, project: Path, connect_stdio: Any, victim: str
) -> None:
    everything: list[Traces] = []
    for number in range(ROUNDS):
        token = f"{lab.token}-{number}"
        with playing(lab, token) as client:
            server = living_line(token, client.pid)[-1]
            everything.append(witness.traces(witness.below(client.pid)))
            kill(client.pid if victim == "client" else server)
            client.wait(witness.PATIENCE)
            gone(partial(survivors, token), everything[-1].left, lambda: related(lab))
    async with connect_stdio(project) as agent:
        answer = await agent("run_trial", description="an honest one", content="print('loss: 2')\n")
        assert answer["decision"] == "keep"
        assert answer["budget"]["experiments_spent"] == ROUNDS + 1
    gone(lambda: related(lab), lambda: os.listdir(home_of(project) / "scratch"))
    gone(lambda: [group for seen in everything for group in seen.left_groups()])
