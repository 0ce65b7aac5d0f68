"""Compiler caches through the real server: one run fills them, and no trial sees what another one left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.server.rehearsal import rehearse
from referee.session.project import Project

from tests.projects import everything
from tests.sessions import home_of

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]
FRONT = (
    "---\ntarget: run.sh\nevaluate: {command: sh run.sh, timeout: 20s%s}\nmetrics: {loss: minimize}\n"
    "sandbox: {cache: [~/.compiler/cache, .jit]}\n---\n"
)
# Says how many entries each cache has, adds one named after itself, and reports the larger number.
TARGET = """\
home=$(ls ~/.compiler/cache | wc -l); jit=$(ls .jit | wc -l)
echo entries $home $jit: $(ls ~/.compiler/cache .jit)
echo x > ~/.compiler/cache/{name}; echo x > .jit/{name}
echo loss: $((10 + home + jit))
"""


def project_with_caches(make_project: MakeProject, repeats: int = 1, target: str = TARGET) -> Path:
    more = f", repeats: {repeats}" if repeats > 1 else ""
    return make_project({"program.md": FRONT % more, "run.sh": target.format(name="baseline")})


def stored(project: Path) -> set[str]:
    """Names of the files in the stores of the one session of a project."""
    return set(everything(home_of(project) / "caches"))


FILLED = {"0", "0/baseline", "1", "1/baseline"}


@pytest.mark.promise("confined trial")
async def test_the_baseline_fills_its_caches_and_a_trial_sees_them_but_nothing_of_another_trial(
    connect: Any, make_project: MakeProject
) -> None:
    project = project_with_caches(make_project)
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
        first = await agent("run_trial", description="one", content=TARGET.format(name="first"))
        log = await agent("read_log", trial=1)
        second = await agent("run_trial", description="two", content=TARGET.format(name="second"))
    assert [answer["metrics"]["loss"] for answer in (baseline, first, second)] == [12, 12, 12]
    assert "entries 1 1:" in log["text"]
    assert stored(project) == FILLED
    assert not (project / ".jit").exists()
    assert not (Path.home() / ".compiler").exists()


async def test_a_baseline_is_measured_with_filled_caches_as_its_trials_are(
    connect: Any, make_project: MakeProject
) -> None:
    project = project_with_caches(make_project, repeats=3)
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
    assert baseline["metrics"] == {"loss": 12}
    assert stored(project) == FILLED


async def test_the_world_that_was_prepared_behind_the_filling_run_is_the_first_trials(
    connect: Any, make_project: MakeProject
) -> None:
    """A trial can tell its world by the folder for results, which is made with it."""
    project = project_with_caches(make_project)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        with anyio.fail_after(60):
            while not (ready := list(home_of(project).glob("scratch/*/out/results"))):
                await anyio.lowlevel.checkpoint()
        expected = {path.stat().st_ino for path in ready}
        trial = await agent("run_trial", description="x", content="echo loss: $(stat -c %i $REFEREE_RESULTS)\n")
    assert trial["metrics"]["loss"] in expected


@pytest.mark.promise("nothing lost")
async def test_a_session_that_is_taken_up_again_finds_its_caches(connect: Any, make_project: MakeProject) -> None:
    project = project_with_caches(make_project)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
    async with connect(project) as agent:
        trial = await agent("run_trial", description="one", content=TARGET.format(name="first"))
    assert trial["metrics"] == {"loss": 12}


async def test_a_baseline_that_crashed_leaves_no_caches_and_the_next_one_fills_them(
    connect: Any, make_project: MakeProject
) -> None:
    project = project_with_caches(make_project, target=TARGET + "exit $CODE\n")
    text = (project / "program.md").read_text(encoding="utf-8").replace(".jit]", ".jit], env: [CODE]")
    (project / "program.md").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODE", "3")
        async with connect(project) as agent:
            await agent.refused("run_eval", description="baseline")
            assert not (home_of(project) / "caches").exists()
            patch.setenv("CODE", "0")
            baseline = await agent("run_eval", description="baseline")
    assert baseline["metrics"] == {"loss": 12}
    assert stored(project) == FILLED


async def test_what_a_baseline_that_does_not_stand_has_stored_is_not_left_to_the_next(
    connect: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first run ended well; the second, with another seed, crashed."""
    monkeypatch.setenv("CODE", "3")
    project = project_with_caches(make_project, repeats=2, target=TARGET + "[ $REFEREE_SEED = 0 ] || exit $CODE\n")
    text = (project / "program.md").read_text(encoding="utf-8").replace(".jit]", ".jit], env: [CODE]")
    (project / "program.md").write_text(text, encoding="utf-8")
    async with connect(project) as agent:
        await agent.refused("run_eval", description="baseline")
        (home_of(project) / "caches/0/tampered").write_text("x", encoding="utf-8")
        monkeypatch.setenv("CODE", "0")
        await agent("run_eval", description="baseline")
    assert stored(project) == FILLED


async def test_a_baseline_that_check_measured_is_not_taken_because_its_caches_are_gone(
    connect: Any, make_project: MakeProject
) -> None:
    project = project_with_caches(make_project, repeats=2)
    loaded = Project(project)
    rehearsal = await rehearse(loaded, loaded.program(), "x")
    loaded.git.close()
    assert rehearsal.measurement["runs"] == [{"loss": 12}, {"loss": 12}]
    left = everything(loaded.checkout.state_home())
    assert not [name for name in left if "baseline" in name or "caches" in name]
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
    assert stored(project) == FILLED
