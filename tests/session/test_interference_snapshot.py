"""A snapshot that someone else changes at any time measures nothing, is told and is mended."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.session.meanwhile import during_a_trial, finished
from tests.sessions import interference

pytestmark = pytest.mark.anyio


Git = Callable[..., str]


def rewrite(snapshot: Path) -> None:
    (snapshot / "judge.sh").chmod(0o644)
    (snapshot / "judge.sh").write_text("echo loss: 0\n", encoding="utf-8")


def swap(snapshot: Path) -> None:
    (snapshot.parent / "new").write_text("echo loss: 0\n", encoding="utf-8")
    (snapshot.parent / "new").replace(snapshot / "judge.sh")


def add(snapshot: Path) -> None:
    (snapshot / "sitecustomize.py").write_text("raise SystemExit\n", encoding="utf-8")


def link_folder(snapshot: Path) -> None:
    shutil.move(snapshot / "docs", snapshot.parent / "docs")
    (snapshot / "docs").symlink_to("../docs")


@pytest.mark.parametrize("act", [rewrite, swap, add, link_folder])
@pytest.mark.promise("frozen judge")
async def test_a_snapshot_that_is_changed_while_a_trial_runs_makes_it_a_crash_and_is_mended(
    connect: Any, judged: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with during_a_trial(connect, judged) as agent:
        snapshot = home_of(judged) / "snapshot"
        act(snapshot)
        answer = await finished(agent)
        later = await agent("run_trial", description="later", content="echo loss: 1\n")
    assert answer["verdict"] == "crash"
    assert "the snapshot while the trial ran, so it does not count" in answer["reason"]
    assert later["metrics"] == {"loss": 1.0}
    assert (snapshot / "judge.sh").read_text(encoding="utf-8") == "sh run.sh\n"
    assert [what for what in interference(judged) if "the snapshot while trial 1 ran" in what]


@pytest.mark.parametrize("act", [rewrite, swap, add, link_folder])
async def test_a_snapshot_that_is_changed_between_trials_is_mended_before_the_next(
    connect: Any, judged: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with connect(judged, "mar8") as agent:
        await agent("run_eval", description="baseline")
        act(home_of(judged) / "snapshot")
        answer = await agent("run_trial", description="next", content="echo loss: 2\n")
    assert answer["metrics"] == {"loss": 2.0}
    assert [what for what in interference(judged) if "rebuilt from git" in what]


@pytest.mark.parametrize("act", [rewrite, swap, add, link_folder])
async def test_a_snapshot_that_is_changed_while_no_server_runs_is_mended_before_the_next(
    connect: Any, judged: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with connect(judged, "mar8") as agent:
        await agent("run_eval", description="baseline")
    act(home_of(judged) / "snapshot")
    async with connect(judged, "mar8") as agent:
        answer = await agent("run_trial", description="next", content="echo loss: 2\n")
    assert answer["metrics"] == {"loss": 2.0}
    assert [what for what in interference(judged) if "rebuilt from git" in what]
