"""A world that is built before its draft is known gives what a fresh one gives, and is gone when nobody wants it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from referee.sandbox import wire
from referee.sandbox.errors import SandboxError
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Limits, Measurement, TrialSpec

from . import broken
from .conftest import Lab
from .test_death import children, own_children, until

# The folder for results is made with the world.
_AGE = "import os\nprint('built:', os.stat(os.environ['REFEREE_RESULTS']).st_mtime_ns)\n"
_METRICS = ("built",)


async def stands(lab: Lab) -> None:
    """Wait until a world has been built as far as the command's process, and the one before it is gone."""
    await anyio.to_thread.run_sync(
        until, lambda: len(waiting(lab)) == 1 and [any(each) for each in keepers()] == [True]
    )


def keepers() -> list[list[int]]:
    """Return the children of every trial's process below this one."""
    found: list[list[int]] = []
    for supervisor in own_children():
        with suppress(FileNotFoundError):
            found += [children(keeper) for keeper in children(supervisor)]
    return found


def waiting(lab: Lab) -> list[str]:
    """Return the folders of trials that have everything but a draft."""
    return [name for name in lab.leftovers() if results(lab, name).is_dir()]


def results(lab: Lab, name: str) -> Path:
    """Return the folder for results in a trial's folder."""
    return lab.scratch / name / "out" / "results"


async def second(
    lab: Lab, spec: TrialSpec, between: Callable[[], None] = lambda: None, first: TrialSpec | None = None
) -> tuple[Measurement, bool]:
    """Run a trial where a world was prepared by the one before; say whether it ran in that world."""
    before = first or spec
    async with Launcher() as launcher:
        await launcher.run(before, lab.key, following=before)
        await stands(lab)
        built = [float(results(lab, name).stat().st_mtime_ns) for name in waiting(lab)]
        between()
        run = await launcher.run(spec, lab.key)
        return run, run.metrics.get("built") in built


def test_a_trial_runs_in_the_world_that_was_prepared(lab: Lab) -> None:
    run, prepared = anyio.run(second, lab, lab.spec(_AGE, metrics=_METRICS))
    assert (run.outcome, prepared) == ("ok", True)
    assert lab.leftovers() == []


def test_a_prepared_world_gets_the_draft_log_and_time_of_its_own_trial(lab: Lab) -> None:
    first = lab.spec("print('first')")
    code = "print(open('train.py').read())\nimport sys, time\nsys.stdout.flush()\ntime.sleep(60)"
    spec = replace(lab.spec(code), log=f"{lab.log}-2", limits=Limits(wall_seconds=1.5))
    run, _ = anyio.run(second, lab, spec, lambda: None, first)
    assert run.reason.startswith("the trial was killed at its time limit of 1.5 s")
    assert lab.said() == "first\n"
    assert Path(f"{lab.log}-2").read_text().strip() == code


def test_waiting_is_not_part_of_the_time_that_is_measured(lab: Lab) -> None:
    spec = lab.spec(_AGE, metrics=_METRICS)
    run, _ = anyio.run(second, lab, spec)
    assert 0 < run.seconds < time.time() - run.metrics["built"] / 1e9


def test_a_frozen_file_changed_in_a_prepared_world_is_named(lab: Lab) -> None:
    first = lab.spec("print(1)")
    run, _ = anyio.run(second, lab, lab.spec("import os; os.remove('prepare.py')"), lambda: None, first)
    assert (run.outcome, run.touched) == ("crash", ("prepare.py",))


@pytest.mark.parametrize("change", [{"env": {"A": "1"}}, {"network": True}, {"metrics": ("built", "b")}])
def test_a_trial_with_another_setting_gets_a_world_of_its_own(lab: Lab, change: dict[str, object]) -> None:
    first = lab.spec(_AGE, metrics=_METRICS)
    other = lab.spec(f"{_AGE}print('b: 1')", **{"metrics": _METRICS, **change})
    run, prepared = anyio.run(second, lab, other, lambda: None, first)
    assert (run.outcome, prepared) == ("ok", False)
    assert lab.leftovers() == []


@pytest.mark.promise("frozen judge")
def test_a_world_whose_inputs_were_replaced_is_built_anew(lab: Lab, ground: Path) -> None:
    data = ground / "data"
    data.mkdir()
    (data / "value").write_text("old")
    spec = lab.spec(f"{_AGE}print(open({str(data / 'value')!r}).read())", metrics=_METRICS, inputs=(str(data),))

    def replaced() -> None:
        shutil.move(data, ground / "gone")
        data.mkdir()
        (data / "value").write_text("new")

    run, prepared = anyio.run(second, lab, spec, replaced)
    assert (run.outcome, prepared) == ("ok", False)
    assert lab.said().endswith("new\n")


def test_a_prepared_world_that_broke_down_is_replaced(lab: Lab) -> None:
    def broke_down() -> None:
        (supervisor,) = own_children() - before
        (keeper,) = children(supervisor)
        os.kill(keeper, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{keeper}").exists())

    before = own_children()
    run, prepared = anyio.run(second, lab, lab.spec(_AGE, metrics=_METRICS), broke_down)
    assert (run.outcome, prepared) == ("ok", False)


def test_a_supervisor_that_died_with_a_prepared_world_is_replaced(lab: Lab) -> None:
    def killed() -> None:
        (supervisor,) = own_children() - before
        os.kill(supervisor, signal.SIGKILL)
        until(lambda: not lab.leftovers())

    before = own_children()
    run, prepared = anyio.run(second, lab, lab.spec(_AGE, metrics=_METRICS), killed)
    assert (run.outcome, prepared) == ("ok", False)


def test_closing_the_launcher_removes_a_prepared_world(lab: Lab) -> None:
    async def closed() -> None:
        async with Launcher() as launcher:
            await launcher.run(lab.spec("print(1)"), lab.key, following=lab.spec(""))
            await stands(lab)

    anyio.run(closed)
    assert lab.leftovers() == []


_CLEARS_WHEN_TOLD = """
import os
from referee.sandbox import scratch
from referee.sandbox.errors import SandboxError
clear, pipe = scratch.clear, {pipe!r}
def clear_when_told(folder):
    word = open(pipe).read() if os.path.exists(pipe) else ""
    clear(folder)
    if word:
        os.unlink(pipe)
    if word == "fail":
        raise SandboxError("the folder is stuck")
scratch.clear = clear_when_told
"""


@pytest.fixture
def pipe(ground: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the first trial's process waits for a word, `fail` or another, before it removes its folder."""
    path = ground / "pipe"
    os.mkfifo(path)
    broken.supervise(monkeypatch, _CLEARS_WHEN_TOLD.format(pipe=str(path)))
    return path


def test_a_result_does_not_wait_for_its_world_to_go_and_the_next_trial_does(lab: Lab, pipe: Path) -> None:
    outcomes: list[str] = []

    async def tell() -> None:
        await anyio.to_thread.run_sync(lambda: pipe.write_text("go"))

    async def two() -> None:
        async with Launcher() as launcher:
            run = await launcher.run(lab.spec("print(1)"), lab.key, following=lab.spec(""))
            outcomes.append(run.outcome)
            async with anyio.create_task_group() as group:
                group.start_soon(tell)
                run = await launcher.run(lab.spec("print(2)"), lab.key)
                outcomes.append(run.outcome)

    anyio.run(two)
    assert outcomes == ["ok", "ok"]
    assert lab.leftovers() == []


def test_a_world_that_cannot_be_removed_stops_the_next_trial_and_not_the_one_after(lab: Lab, pipe: Path) -> None:
    async def three() -> Measurement:
        async with Launcher() as launcher:
            await launcher.run(lab.spec("print(1)"), lab.key, following=lab.spec(""))
            await anyio.to_thread.run_sync(pipe.write_text, "fail")
            with pytest.raises(SandboxError, match="the folder is stuck; nothing was measured"):
                await launcher.run(lab.spec("print(2)"), lab.key)
            return await launcher.run(lab.spec("print(3)"), lab.key)

    assert anyio.run(three).outcome == "ok"
    assert lab.said() == "3\n"


_SERVER = """
import anyio, json, sys
from referee.sandbox import wire
from referee.sandbox.launch import Launcher
async def main():
    async with Launcher() as launcher:
        spec = wire.spec_of(json.load(open(sys.argv[1])))
        await launcher.run(spec, sys.argv[2], following=spec)
        await anyio.sleep_forever()
anyio.run(main)
"""


@contextmanager
def server(lab: Lab) -> Generator[subprocess.Popen[bytes]]:
    """A server process that has a prepared world and no running trial."""
    request = lab.base / "request.json"
    request.write_bytes(wire.encode(wire.spec_message(lab.spec("print(1)"))))
    with subprocess.Popen([sys.executable, "-c", _SERVER, str(request), lab.key]) as started:
        until(lambda: lab.log.is_file() and bool(waiting(lab)))
        yield started
        started.kill()


@pytest.mark.parametrize("victim", ["server", "supervisor"])
@pytest.mark.promise("nothing lost")
def test_a_prepared_world_goes_with_whoever_is_killed(lab: Lab, victim: str) -> None:
    with server(lab) as running:
        (supervisor,) = children(running.pid)
        trials = children(supervisor)
        os.kill(running.pid if victim == "server" else supervisor, signal.SIGKILL)
        until(lambda: not lab.leftovers())
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in trials))
