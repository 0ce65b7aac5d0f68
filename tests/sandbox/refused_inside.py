"""What holds where namespaces are refused. Run by `test_refused_namespaces` inside such an environment.

`REFUSED` in the environment names the way of `refusing.WAYS`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.sandbox import kernel, remedies
from referee.sandbox.choice import Choice
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Level
from referee.session.places import find_checkout

from tests.projects import program
from tests.sessions import referee

from .conftest import make_lab

WAY = os.environ["REFUSED"]
SWITCHED_OFF = "user namespaces are switched off: sudo sysctl -w user.max_user_namespaces=10000"
MakeProject = Callable[..., Path]
pytestmark = pytest.mark.anyio


def _look() -> Choice:
    async def ask() -> Choice:
        async with Launcher() as launcher:
            return await launcher.look()

    return anyio.run(ask)


@pytest.mark.parametrize("flags", [kernel.CLONE_NEWUSER, kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS])
def test_namespaces_are_refused_here(flags: int) -> None:
    with pytest.raises(OSError, match="unshare"):
        kernel.unshare(flags)


def test_landlock_is_chosen_and_says_what_bubblewrap_lacks() -> None:
    found = _look()
    assert found.key == "landlock-copy"
    assert (found.capabilities.backend, found.capabilities.level) == ("landlock", Level.LIMITED)
    assert any(reason.startswith("bubblewrap: ") for reason in found.capabilities.lost)


def test_a_trial_works_and_is_measured(ground: Path) -> None:
    lab = make_lab(ground, "landlock-copy", Launcher())
    code = "import prepare; open('new', 'w'); print('score:', prepare.LIMIT)"

    async def run() -> tuple[str, str, dict[str, float]]:
        async with lab.launcher as launcher:
            measured = await launcher.measure(lab.spec(code, metrics=("score",), minimum=Level.LIMITED))
            return measured.outcome, measured.backend, dict(measured.metrics)

    assert anyio.run(run) == ("ok", "landlock", {"score": 1.0})


def test_check_says_limited_with_the_reason_and_the_remedy(project: Path) -> None:
    done = referee("check", "--repo", str(project))
    assert done.returncode == 0, done.stderr
    assert "limited: landlock; network off" in done.stdout
    assert "bubblewrap: " in done.stdout
    assert "namespace" in done.stdout
    assert remedies.better() in done.stdout
    assert (SWITCHED_OFF in done.stdout) == (WAY == "switched-off")


def _nothing_ran(project: Path) -> bool:
    home = find_checkout(project).state_home()
    return not [path for path in home.rglob("*") if path.name.endswith(".log") or path.name.startswith("trial-")]


def _says_the_way_out(text: str) -> bool:
    named = SWITCHED_OFF in text if WAY == "switched-off" else remedies.better() in text
    return "found limited (landlock), expected at least isolated" in text and "To mend it: " in text and named


@pytest.fixture
def isolated(make_project: MakeProject) -> Path:
    """A project whose contract asks for more than there is."""
    return make_project({"program.md": program(more="sandbox: {minimum: isolated}")})


def test_check_refuses_a_contract_that_asks_for_more(isolated: Path) -> None:
    done = referee("check", "--repo", str(isolated))
    assert done.returncode == 1
    assert _says_the_way_out(done.stderr), done.stderr
    assert _nothing_ran(isolated)


async def test_the_server_refuses_a_contract_that_asks_for_more(isolated: Path, connect_stdio: Any) -> None:
    async with connect_stdio(isolated) as agent:
        text = await agent.refused("run_eval", description="the baseline")
    assert _says_the_way_out(text), text
    assert _nothing_ran(isolated)
