"""`referee overnight` in the background, with the person's own commands, and what it refuses."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.server.nights import GOES_ON, Night, commit_program, limited, wait_for

Begin = Callable[..., Night]


def _last(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert events[-1]["event"] == "end"
    return events[-1]


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
