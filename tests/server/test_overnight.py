"""`referee overnight`: the session ends at its budget, whatever the agent does; and what it starts ends as well."""

import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from referee.session import prompts
from referee.session.fold import apply
from referee.session.state import State

from tests.server.nights import Night, Script, commit_program, limited, wait_for
from tests.sessions import home_of, records, referee, running

GOES_ON: Script = [[{"until_refused": True}]]
Begin = Callable[..., Night]


def _last(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert events[-1]["event"] == "end"
    return events[-1]


# --- the end of the budget -------------------------------------------------------------------------------------------


def test_the_session_ends_at_its_budget_to_the_trial_though_the_agent_quits_early_and_later_goes_on(
    begin: Begin,
) -> None:
    night = begin([[{"call": "read_program"}, {"trials": 2}], [{"until_refused": True}]], max_experiments=5)
    code, events = night.events(grace=100)
    assert (code, _last(events)["reason"], _last(events)["runs"]) == (0, "5 of 5 experiments", 2)
    assert sorted(night.state.trials) == [0, 1, 2, 3, 4, 5]
    refused = [line for line in night.log if line.get("refused")]
    assert len(refused) == 11
    assert all("the budget is used up" in line["text"] for line in refused)
    assert [line["prompt"] for line in night.runs] == [prompts.start(), prompts.resume()]


def test_the_session_ends_at_its_budget_to_the_second(begin: Begin) -> None:
    """A trial is given no more than what was left when it was asked for, and none begins when nothing is left."""
    seconds = 6.0
    script: Script = [[{"trials": 2}, {"endless": True}, {"until_refused": True}]]
    night = begin(script, max_experiments=None, max_wall_clock_hours=seconds / 3600)
    code, events = night.events(grace=100)
    assert code == 0
    assert _last(events)["reason"].endswith("hours")
    state: State | None = None
    for record in records(night.project):
        before = state.elapsed if state else 0.0
        state = apply(state, record)
        if record.kind == "trial_started" and record.data["trial"]:
            assert state is not None
            assert state.elapsed < seconds
            assert record.data["limit"] <= seconds - before + 0.01
    endless = night.state.trials[3]
    assert (endless.description, endless.outcome) == ("endless", "timeout")
    assert [line["refused"] for line in night.log if line.get("tool") == "run_trial"][3:] == [True] * 11


def test_a_client_that_goes_on_talking_after_the_end_is_ended(begin: Begin) -> None:
    night = begin([[{"trials": 2}, {"wait": "/never"}]], max_experiments=2)
    code, events = night.events()
    assert (code, _last(events)["reason"]) == (0, "2 of 2 experiments")
    assert any("ended, run 1: the session is over, 2 trials" in event.get("text", "") for event in events)
    night.nothing_lives()


def test_a_session_that_is_over_already_starts_no_client(begin: Begin) -> None:
    night = begin(GOES_ON, max_experiments=1)
    assert night.play().returncode == 0
    before = len(night.log)
    code, events = night.events()
    assert (code, _last(events)["reason"], _last(events)["runs"]) == (0, "1 of 1 experiments", 0)
    assert len(night.log) == before


def test_a_stop_of_the_person_ends_it(begin: Begin) -> None:
    night = begin([[{"trials": 1}, {"wait": "/never"}]])
    process = night.start()
    wait_for(lambda: len(night.log) > 1, "no trial")
    assert referee("stop", "enough", "--repo", str(night.project)).returncode == 0
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "enough" in out
    night.nothing_lives()


@pytest.mark.slow
def test_no_client_is_started_while_the_session_is_paused(begin: Begin, tmp_path: Path) -> None:
    night = begin([[{"trials": 1}, {"wait": str(tmp_path / "go")}], [{"trials": 1}]], max_experiments=2)
    pause = f"{sys.executable} -m referee pause --repo {night.project}"
    process = night.start("--on-trial", pause)
    wait_for(lambda: len(night.log) > 1 and night.state.paused, "never paused")
    (tmp_path / "go").touch()
    assert process.stdout is not None
    while "paused" not in (line := process.stdout.readline()):
        assert line, "it ended"
    assert len(night.runs) == 1
    assert referee("resume", "--repo", str(night.project)).returncode == 0
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(night.runs) == 2


# --- clients that fail -----------------------------------------------------------------------------------------------


def test_runs_without_a_trial_are_repeated_after_longer_and_longer_waits_and_then_given_up(begin: Begin) -> None:
    night = begin([[{"complain": "boom: no login"}, {"exit": 3}]])
    code, events = night.events(failures=5, first=0.01)
    assert code == 1
    assert _last(events)["reason"] == "gave up: 5 runs in a row made no trial"
    assert _last(events)["quote"] == "boom: no login"
    waits = [event["wait"] for event in events if "wait" in event]
    assert waits == [0.01, 0.02, 0.04, 0.08]
    assert [event["status"] for event in events if "status" in event] == [3] * 5


@pytest.mark.slow
def test_waits_begin_again_after_a_trial(begin: Begin) -> None:
    crash = [{"exit": 1}]
    night = begin([crash, crash, [{"trials": 1}, {"exit": 1}], crash, [{"trials": 1}]], max_experiments=2)
    code, events = night.events(first=0.01)
    assert code == 0
    assert [event["wait"] for event in events if "wait" in event] == [0.01, 0.02, 0.01, 0.01]


@pytest.mark.slow
def test_a_client_that_is_killed_is_started_again(begin: Begin) -> None:
    night = begin([[{"trials": 1}, {"kill": True}], [{"trials": 1}]], max_experiments=2)
    code, events = night.events()
    assert code == 0
    assert [event["status"] for event in events if "status" in event] == [-signal.SIGKILL, 0]


@pytest.mark.slow
def test_a_rate_limit_is_waited_for_until_the_time_that_it_names(begin: Begin) -> None:
    limit = [{"complain": "Rate limit reached. Please try again in 1.5s."}, {"exit": 1}]
    night = begin([limit, [{"trials": 1}]], max_experiments=1)
    code, events = night.events(first=0.01)
    assert code == 0
    (wait,) = [event for event in events if "wait" in event]
    assert (wait["named"], wait["wait"]) == (True, 1.51)
    assert len(night.runs) == 2


def test_a_rate_limit_that_ends_after_the_sessions_time_is_waited_for_bounded_and_never_ends_the_night(
    begin: Begin,
) -> None:
    limit = [{"complain": "limit reached; try again in 3 hours 20 minutes"}, {"exit": 1}]
    night = begin([[{"trials": 1}, *limit], limit, [{"trials": 1}]], max_wall_clock_hours=1, max_experiments=2)
    code, events = night.events(longest=0.05)
    assert code == 0
    assert [(event["wait"], event["named"]) for event in events if "wait" in event] == [(0.05, True)] * 2
    assert sum("sooner than the time that the client names" in event.get("text", "") for event in events) == 2
    assert len(night.runs) == 3


@pytest.mark.slow
def test_a_client_that_does_nothing_is_ended_and_started_again(begin: Begin) -> None:
    night = begin([[{"trials": 1}, {"wait": "/never"}], [{"trials": 1}]], max_experiments=2)
    code, events = night.events("--idle-minutes", "0.15", failures=100)
    assert code == 0
    assert any("nothing happened for" in event.get("text", "") for event in events)
    assert len(night.runs) >= 2


def test_a_client_that_cannot_be_executed_is_said_at_once(project: Path, tmp_path: Path) -> None:
    program = tmp_path / "odd"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    done = referee("overnight", "--repo", str(project), "--", str(program))
    assert done.returncode == 1
    assert "the client cannot be started" in done.stderr
    assert "No such file" in done.stderr


@pytest.mark.slow
def test_fresh_contexts_come_on_purpose_and_cost_no_wait(begin: Begin) -> None:
    night = begin([[{"trials": 2}, {"wait": "/never"}]], max_experiments=6)
    code, events = night.events("--fresh-every", "2")
    assert code == 0
    assert [event["trials"] for event in events if "status" in event] == [2, 2, 2]
    assert not [event for event in events if "wait" in event]
    assert [trial.decision for trial in night.state.trials.values()].count(None) == 0


# --- what ends it, and what is left -----------------------------------------------------------------------------------


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


# --- the background, and the person's own commands -------------------------------------------------------------------


def test_detached_it_goes_on_and_says_how_to_follow_and_end_it(begin: Begin, tmp_path: Path) -> None:
    night = begin([[{"trials": 1}, {"wait": str(tmp_path / "go")}]], max_experiments=1)
    done = night.play("--detach", "--json", grace=1000)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    process = psutil.Process(facts["pid"])
    wait_for(lambda: len(night.log) > 1, "no trial")
    assert os.getsid(process.pid) == process.pid
    (tmp_path / "go").touch()
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "it does not end")
    lines = [json.loads(line) for line in Path(facts["log"]).read_text().splitlines()]
    assert _last(lines)["reason"] == "1 of 1 experiments"


def test_detached_a_start_that_fails_is_told_by_the_parent(begin: Begin) -> None:
    night = begin([[{"wait": "/never"}]])
    process = night.start()
    wait_for(lambda: night.runs, "no agent")
    second = night.play("--detach")
    assert second.returncode == 1
    assert "already (pid" in second.stderr
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


HOOK = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


def test_commands_of_the_person_get_every_trial_and_the_end_as_json(begin: Begin) -> None:
    night = begin([[{"trials": 1, "loss": 2}, {"trials": 1, "loss": 4}]], max_experiments=2)
    told = night.project.parent / "told"
    hook = f"{sys.executable} -c '{HOOK.replace(chr(39), chr(34))}' {told}"
    assert night.play("--on-trial", hook, "--on-end", hook).returncode == 0
    first, second, third, end = map(json.loads, told.read_text().splitlines())
    assert [one["trial"] for one in (first, second, third)] == [0, 1, 2]
    assert (second["metric"], second["value"], second["change"], second["decision"]) == ("loss", 2, -1, "keep")
    assert (third["verdict"], third["change"], third["best"]["trial"]) == ("worse", 2, 1)
    assert third["budget"]["experiments_spent"] == 2
    assert (end["event"], end["exit"], end["trials"], end["kept"], end["gain"]) == ("end", 0, 2, 1, -1)


def test_faults_of_those_commands_are_said_once_and_stop_nothing(begin: Begin) -> None:
    night = begin([[{"trials": 2}]], max_experiments=2)
    code, events = night.events("--on-trial", "/no/such/command", "--on-end", "sh -c 'exit 5'")
    assert code == 0
    assert sum("/no/such/command cannot be started" in event.get("text", "") for event in events) == 1
    assert "exited with 5" in events[-1]["text"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--fresh-every", "0"], "--fresh-every: found 0, expected 1 or more trials"),
        (["--idle-minutes", "nan"], "--idle-minutes: found nan, expected more than 0 minutes"),
        (["--client", "codex"], "expected one of them"),
        (["--on-trial", "'"], "No closing quotation"),
        (["--tag", "a/b"], "tag 'a/b'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(begin: Begin, flags: list[str], said: str) -> None:
    night = begin(GOES_ON)
    done = night.play(*flags)
    assert done.returncode == 1
    assert said in done.stderr
    assert night.log == []


def test_another_contract_than_the_sessions_is_refused(begin: Begin) -> None:
    night = begin(GOES_ON, max_experiments=1)
    assert night.play("--tag", "one").returncode == 0
    commit_program(night.project, limited().replace("minimize", "maximize"))
    done = night.play("--tag", "one")
    assert done.returncode == 1
    assert "session one was opened with another contract" in done.stderr


def test_an_output_that_nobody_reads_any_more_does_not_end_it(begin: Begin) -> None:
    night = begin([[{"trials": 3}]], max_experiments=3)
    process = night.start()
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
    assert len(night.state.trials) == 4
