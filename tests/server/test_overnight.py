"""`referee overnight`: the session ends at its budget, whatever the agent does."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session import prompts
from referee.session.fold import apply
from referee.session.state import State

from tests.server.nights import GOES_ON, Night, Script, wait_for
from tests.sessions import records, referee

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
