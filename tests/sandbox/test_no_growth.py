"""Trial after trial in one server: nothing that it holds of the machine grows."""

import os
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox.spec import Limits, TrialSpec

from tests.sessions import home_of

from . import hostile, witness
from .conftest import CONFINING, Lab
from .holder import holding
from .usage import growth, usage
from .victims import skip_twin
from .witness import gone

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(600)]
TRIALS, WARM = 200, 50
REAL_TRIALS, REAL_WARM = 40, 10
# A server knows the trials of its session by heart: some 12 kB each. In kB.
_REMEMBERED = (REAL_TRIALS - REAL_WARM) * 30
_BRIEF = Limits(wall_seconds=0.1)

_FILES = """
litter()
import ctypes
for call in ("shmget", "semget", "msgget"):
    getattr(ctypes.CDLL(None), call)(0, 1, 0o1666)
folder = "deep"
for _ in range(50):
    os.makedirs(folder)
    open(os.path.join(folder, "file"), "w").write("x" * 10000)
    folder = os.path.join(folder, "er")
"""


def trials(lab: Lab) -> list[tuple[str, TrialSpec]]:
    """One of each kind: how it ends, and what it is."""
    confined = lab.key in CONFINING
    return [
        ("ok", lab.spec("print('score: 1')", metrics=("score",))),
        ("crash", lab.spec("print('x' * 100_000); raise SystemExit(3)")),
        ("timeout", lab.spec(hostile.prelude(lab.token) + hostile.FOREVER, limits=_BRIEF)),
        ("ok", lab.spec(hostile.daemons(lab.token, files=confined))),
        ("ok", lab.spec(hostile.prelude(lab.token) + (_FILES if confined else ""))),
    ]


@pytest.fixture
def room(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose server has a folder of its own for temporary files."""
    skip_twin(lab)
    tmp = lab.base / "tmp"
    tmp.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp))
    return lab


def test_two_hundred_trials_leave_nothing_and_take_nothing(room: Lab) -> None:
    folders = {"scratch": room.scratch, "temporary files": room.base / "tmp", "state": room.base / "state"}
    kinds = trials(room)
    with holding(room) as holder:

        def run(count: int) -> None:
            for number in range(count):
                outcome, spec = kinds[number % len(kinds)]
                assert holder.run(spec) == outcome

        run(WARM)
        (supervisor,) = witness.children(holder.pid)
        before = usage(holder.pid, supervisor, folders)
        run(TRIALS - WARM)
        gone(lambda: growth(before, usage(holder.pid, supervisor, folders)))
        holder.end()
    gone(lambda: [*witness.related(str(room.base), room.token), *room.leftovers(), *witness.named(room.token)])


@pytest.mark.anyio
async def test_forty_trials_of_a_real_server_leave_nothing_and_take_nothing(
    project: Path, tmp_path: Path, connect_stdio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp))
    async with connect_stdio(project) as agent:

        async def run(first: int, last: int) -> None:
            for number in range(first, last):
                text = f"echo loss: {3 - number / 100 if number % 2 else 4}\n# idea {number}\n"
                answer = await agent("run_trial", description=f"idea {number}", content=text)
                assert answer["decision"] == ("keep" if number % 2 else "discard")

        await run(0, REAL_WARM)
        (server,) = witness.carrying("serve", str(project))
        (supervisor,) = witness.carrying("sandbox.supervisor") & set(witness.children(server))
        folders = {"scratch": home_of(project) / "scratch", "temporary files": tmp}
        before = usage(server, supervisor, folders)
        await run(REAL_WARM, REAL_TRIALS)
        gone(lambda: growth(before, usage(server, supervisor, folders), memory=_REMEMBERED))
    gone(lambda: witness.related(str(project)), lambda: [*os.listdir(tmp), *os.listdir(folders["scratch"])])
