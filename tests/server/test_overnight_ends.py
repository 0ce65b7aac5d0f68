"""How `referee overnight` ends, by a person, a signal or a kill: what it started ends as well, and what it leaves."""

import json
import os
import signal
import stat
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import psutil
import pytest

from tests.server.nights import GOES_ON, Night, wait_for
from tests.sessions import home_of, records, referee, running

Begin = Callable[..., Night]


def _last(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert events[-1]["event"] == "end"
    return events[-1]


def test_the_stop_file_ends_it_after_the_running_trial(begin: Begin) -> None:
    night = begin(GOES_ON)
    stop = night.project / "STOP"
    code, events = night.events("--on-trial", f"touch {stop}")
    assert (code, _last(events)["reason"]) == (0, "STOP is there")
    night.nothing_lives()


def test_a_stop_file_that_is_there_already_is_refused(begin: Begin) -> None:
    night = begin(GOES_ON)
    (night.project / "halt").touch()
    done = night.play("--stop-file", str(night.project / "halt"))
    assert done.returncode == 1
    assert "halt is there already" in done.stderr
    assert night.log == []


DEAF = [{"trials": 1}, {"deaf": True}, {"spawn": "MARK"}, {"call": "check_budget"}, {"wait": "/never"}]


def _spawning(night: Night, mark: str) -> None:
    night.script.write_text(night.script.read_text().replace("MARK", mark))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="INT", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, id="TERM"),
        pytest.param(signal.SIGHUP, id="HUP", marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_it_and_leaves_no_process(begin: Begin, number: int) -> None:
    night = begin([DEAF])
    mark = f"mark{os.getpid()}x{number}"
    _spawning(night, mark)
    process = night.start()
    wait_for(lambda: running(mark) and night.log[-1].get("tool") == "check_budget", "no agent")
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"ended        {signal.Signals(number).name}" in out
    assert night.alive() == []
    assert running(mark) == []


def test_killed_outright_it_leaves_no_process(begin: Begin) -> None:
    night = begin([DEAF])
    mark = f"mark{os.getpid()}x9"
    _spawning(night, mark)
    process = night.start()
    wait_for(lambda: running(mark) and night.log[-1].get("tool") == "check_budget", "no agent")
    process.kill()
    process.communicate(timeout=60)
    night.nothing_lives(mark)


@pytest.mark.slow
def test_after_it_was_killed_another_one_begins(begin: Begin) -> None:
    night = begin([[{"trials": 1}, {"wait": "/never"}], [{"trials": 1}]], max_experiments=2)
    process = night.start()
    wait_for(lambda: len(night.log) > 1, "no trial")
    process.kill()
    process.communicate(timeout=60)
    night.nothing_lives()
    assert night.play().returncode == 0
    assert len(night.runs) == 2
    assert {path.name for path in night.folder.glob("*.log")} == {"001-command.log", "002-command.log"}


def test_it_goes_on_when_the_keeper_of_its_client_is_killed(begin: Begin) -> None:
    night = begin([DEAF, [{"trials": 1}]], max_experiments=2)
    mark = f"mark{os.getpid()}x8"
    _spawning(night, mark)
    process = night.start()
    wait_for(lambda: running(mark) and night.log[-1].get("tool") == "check_budget", "no agent")
    (keeper,) = psutil.Process(process.pid).children()
    keeper.kill()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(night.runs) == 2
    assert running(mark) == []


def test_a_session_has_one_night_at_most(begin: Begin) -> None:
    night = begin([[{"wait": "/never"}]])
    process = night.start()
    wait_for(lambda: night.runs, "no agent")
    second = night.play()
    assert second.returncode == 1
    assert f"runs for session {night.runs[0]['tag']} already (pid {process.pid})" in second.stderr
    third = referee("agent", "--repo", str(night.project), "--", "true")
    assert (third.returncode, "already (pid" in third.stderr) == (1, True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert len(night.runs) == 1


Connect = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.mark.anyio
async def test_a_session_that_another_client_works_on_is_refused(begin: Begin, connect_stdio: Connect) -> None:
    night = begin(GOES_ON)
    async with connect_stdio(night.project) as agent:
        await agent("run_trial", description="mine", content="echo loss: 2\n")
        done = await anyio.to_thread.run_sync(night.play)
    assert done.returncode == 1
    assert "a client works on it already" in done.stderr
    assert night.log == []


def test_it_leaves_nothing_in_the_project_but_the_results_and_keeps_every_transcript_private(begin: Begin) -> None:
    night = begin([[{"say": "first"}, {"trials": 1}], [{"complain": "second"}, {"trials": 1}]], max_experiments=2)
    before = {path.name for path in night.project.iterdir()}
    assert night.play().returncode == 0
    assert {path.name for path in night.project.iterdir()} - before == {"results.tsv"}
    assert stat.S_IMODE(night.folder.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in night.folder.iterdir())
    assert (night.folder / "001-command.log").read_text() == "first\n"
    assert (night.folder / "002-command.err").read_text() == "second\n"


def test_the_runs_of_the_client_are_journaled(begin: Begin) -> None:
    night = begin([[{"trials": 1}], [{"trials": 1}]], max_experiments=2)
    assert night.play().returncode == 0
    told = [record.data for record in records(night.project) if record.kind == "client"]
    assert [(one["event"], one["client"], one["accounts"], one["usd"]) for one in told] == [
        ("started", "command", False, 0.0),
        ("ended", "command", False, 0.0),
        ("started", "command", False, 0.0),
    ]
    (last,) = (home_of(night.project) / "inbox").iterdir()
    assert json.loads(last.read_text())["data"]["event"] == "ended"
