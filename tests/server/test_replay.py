"""`referee replay`: kept trials are measured again from the journal alone, and nothing of the session is touched."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.server.cli import main

from tests.finished import TAG, Finished
from tests.projects import everything, git, program

Connect = Callable[..., AbstractAsyncContextManager[Any]]
Make = Callable[..., Path]
Replay = Callable[..., dict[str, Any]]


@pytest.fixture
def replay(capsys: pytest.CaptureFixture[str]) -> Replay:
    """Run the command and return its data."""

    def run(repo: Path, *flags: str, code: int = 0) -> dict[str, Any]:
        assert main(["replay", "--repo", str(repo), "--json", *flags]) == code
        return dict(json.loads(capsys.readouterr().out))

    return run


def measured(connect: Connect, project: Path, *contents: str) -> Path:
    """Keep these trials in a session, and return the project."""

    async def play() -> None:
        async with connect(project, TAG) as agent:
            await agent("run_eval", description="baseline")
            for content in contents:
                answer = await agent("run_trial", description="next", content=content)
                assert answer["decision"] == "keep"

    anyio.run(play)
    return project


def counting(make: Make, tmp_path: Path, metrics: str = "{loss: minimize}", repeats: int = 1) -> tuple[Path, Path]:
    """A project whose evaluator adds an input to what the target prints, and that input."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "add").write_text("0\n", encoding="utf-8")
    judge = f"echo loss: $(( $(sh run.sh) + $(cat {data}/add) + REFEREE_SEED ))\n"
    front = program(command="sh judge.sh", more=f"sandbox: {{inputs: ['{data}']}}")
    front = front.replace("{loss: minimize}", metrics).replace("timeout: 20s", f"timeout: 20s, repeats: {repeats}")
    return make({"program.md": front, "judge.sh": judge, "run.sh": "echo 30\n"}), data / "add"


def test_every_kept_trial_and_the_baseline_agree_with_the_record(done: Finished, replay: Replay) -> None:
    told = replay(done.repo)
    assert [(one["trial"], one["recorded"], one["measured"], one["text"]) for one in told["trials"]] == [
        (0, 3.0, 3.0, "exactly"),
        (1, 2.5, 2.5, "exactly"),
        (4, 2.5, 2.5, "exactly"),
    ]
    assert told["agrees"] is True
    assert told["differs"] == []


def test_one_trial_may_be_asked_for_kept_or_not(done: Finished, replay: Replay) -> None:
    (one,) = replay(done.repo, "--trial", "2")["trials"]
    assert (one["trial"], one["recorded"], one["measured"]) == (2, 9.0, 9.0)


@pytest.mark.parametrize("number", ["3", "17"])
def test_a_trial_without_a_number_is_refused_with_those_that_have_one(
    done: Finished, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    assert main(["replay", "--repo", str(done.repo), "--trial", number]) == 1
    assert f"no measured trial {number} in session mar8; expected one of: 0, 1, 2, 4, 5." in capsys.readouterr().err


def test_a_number_that_was_forged_in_the_journal_does_not_agree(
    done: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    line = done.line_of("trial_measured", trial=4) - 1

    def forge(records: list[dict[str, Any]]) -> None:
        measurement = records[line]["data"]["measurement"]
        measurement |= {"metrics": {"loss": 1.5}, "runs": [{"loss": 1.5}]}

    done.forge(forge)
    assert main(["replay", "--repo", str(done.repo)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-2].split(maxsplit=4) == ["4", "1.5", "2.5", "+1", "no: more than no noise recorded"]
    assert told[-1] == "2 of 3 agree."


def test_a_commit_that_holds_something_else_than_was_measured_is_refused(
    done: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    other = done.commit(1)
    line = done.line_of("trial_measured", trial=4) - 1
    done.forge(lambda records: records[line]["data"].update(commit=other))
    assert main(["replay", "--repo", str(done.repo)]) == 1
    assert f"commit {other[:7]} of trial 4 holds another run.sh than was measured" in capsys.readouterr().err


def test_nothing_of_the_session_the_repository_or_the_checkout_is_written(done: Finished, replay: Replay) -> None:
    before = everything(done.home), everything(done.repo), git(done.repo, "for-each-ref")
    replay(done.repo)
    assert (everything(done.home), everything(done.repo), git(done.repo, "for-each-ref")) == before


def test_it_needs_neither_the_program_nor_the_checkouts_files(done: Finished, replay: Replay) -> None:
    (done.repo / "program.md").unlink()
    (done.repo / "run.sh").write_text("echo loss: 0\n", encoding="utf-8")
    assert [one["measured"] for one in replay(done.repo)["trials"]] == [3.0, 2.5, 2.5]


def test_it_works_beside_a_server_that_holds_the_session(connect: Connect, project: Path, replay: Replay) -> None:
    async def play() -> None:
        async with connect(project, TAG) as agent:
            await agent("run_eval", description="baseline")
            told = await anyio.to_thread.run_sync(lambda: replay(project))
            assert [one["text"] for one in told["trials"]] == ["exactly"]
            await agent("run_trial", description="next", content="echo loss: 1\n")

    anyio.run(play)


def test_an_input_that_changed_is_named_and_what_it_changes_does_not_agree(
    connect: Connect, make_project: Make, tmp_path: Path, replay: Replay
) -> None:
    project, add = counting(make_project, tmp_path)
    measured(connect, project, "echo 20\n")
    add.write_text("1\n", encoding="utf-8")
    told = replay(project, code=1)
    (said,) = told["differs"]
    assert said.startswith(str(add.parent))
    assert said.endswith(" is not what it was when the session opened")
    assert [(one["measured"], one["difference"], one["agrees"]) for one in told["trials"]] == [
        (31.0, 1.0, False),
        (21.0, 1.0, False),
    ]


@pytest.mark.parametrize(("added", "code"), [("2", 0), ("3", 1)])
def test_the_spread_of_the_recorded_repeats_is_the_noise(
    connect: Connect, make_project: Make, tmp_path: Path, replay: Replay, added: str, code: int
) -> None:
    project, add = counting(make_project, tmp_path, repeats=3)
    measured(connect, project)
    add.write_text(f"{added}\n", encoding="utf-8")
    (one,) = replay(project, code=code)["trials"]
    assert one["noise"] == 2.0
    assert one["text"] == ("within the noise of 2" if code == 0 else "no: more than the noise of 2")


@pytest.mark.parametrize(("added", "code"), [("5", 0), ("6", 1)])
def test_min_delta_is_noise(
    connect: Connect, make_project: Make, tmp_path: Path, replay: Replay, added: str, code: int
) -> None:
    project, add = counting(make_project, tmp_path, "{loss: {goal: minimize, min_delta: 5}}")
    measured(connect, project)
    add.write_text(f"{added}\n", encoding="utf-8")
    (one,) = replay(project, code=code)["trials"]
    assert one["noise"] == 5.0


def test_a_trial_that_crashes_now_does_not_agree_and_says_why(
    connect: Connect, make_project: Make, tmp_path: Path, replay: Replay
) -> None:
    project, add = counting(make_project, tmp_path)
    measured(connect, project)
    add.write_text("no number\n", encoding="utf-8")
    (one,) = replay(project, code=1)["trials"]
    assert one["measured"] is None
    assert one["text"].startswith("no: ")


def test_a_session_without_a_kept_trial_is_refused(
    connect: Connect, make_project: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project({"run.sh": "exit 1\n"})

    async def play() -> None:
        async with connect(project, TAG) as agent:
            await agent.refused("run_eval", description="baseline")

    anyio.run(play)
    assert main(["replay", "--repo", str(project)]) == 1
    assert "no trial of this session was kept" in capsys.readouterr().err
