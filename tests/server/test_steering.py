"""tell, pause, resume and stop, by the person's own command beside a real server and its client."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.server.cli import main
from referee.session.fold import fold
from referee.session.journal import load
from referee.session.state import State

from tests.conftest import MakeProject
from tests.finished import Finished, found
from tests.sessions import Held, home_of, kinds, records, rows

pytestmark = pytest.mark.anyio

BETTER = "echo loss: 1\n"
Connect = Callable[..., AbstractAsyncContextManager[Any]]


async def steer(folder: Path, command: str, *words: str, code: int = 0) -> None:
    """Run a command of the person."""
    assert await anyio.to_thread.run_sync(main, [command, "--repo", str(folder), *words]) == code


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another task brings about."""
    with anyio.fail_after(60):
        while not happened():
            await anyio.lowlevel.checkpoint()


def _state(folder: Path) -> State:
    state = fold(records(folder))
    assert state is not None
    return state


def _told(folder: Path) -> list[dict[str, Any]]:
    return [dict(record.data) for record in records(folder) if record.kind in {"told", "heard"}]


# --- tell --------------------------------------------------------------------------------------------------------


async def test_a_line_reaches_the_agent_with_its_next_answer_once_and_is_journaled(
    connect: Connect, project: Path
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "tell", "look at the\nlearning rate \x1b[31mfirst")
        answer = await agent("check_budget")
        again = await agent("check_budget")
        shown = await agent("read_program")
    assert answer["told"] == ["look at the learning rate [31mfirst"]
    assert answer["text"].startswith("The person says: look at the learning rate [31mfirst\n")
    assert "told" not in again
    assert "told" not in shown
    assert "The person said, the latest last:\n- look at the learning rate [31mfirst" in shown["text"]
    told, heard = _told(project)
    assert told["text"] == "look at the learning rate [31mfirst"
    assert heard["count"] == 1


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read_target", {}),
        ("edit_target", {"content": BETTER}),
        ("run_trial", {"description": "x", "content": BETTER}),
        ("read_results", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_tool_brings_what_the_person_says(
    connect: Connect, project: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "tell", "hello")
        assert (await agent(tool, **arguments))["told"] == ["hello"]


async def test_a_refused_call_brings_it_too(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "tell", "hello")
        assert (await agent.refused("keep")).endswith("\nThe person says: hello")
        await steer(project, "tell", "again")
        assert (await agent.refused("keep", no_such=1)).endswith("\nThe person says: again")
        assert "told" not in await agent("check_budget")


async def test_many_lines_come_a_few_at_a_time_in_order(connect: Connect, done: Finished) -> None:
    lines = [f"line {number}" for number in range(12)]
    for line in lines:
        await steer(done.repo, "tell", line)
    async with connect(done.repo) as agent:
        answers = [await agent("revert") for _ in range(4)]
    assert [line for answer in answers for line in answer.get("told", [])] == lines
    assert max(len(answer.get("told", [])) for answer in answers) == 5
    assert found(done.verified()) == {}


@pytest.mark.promise("nothing lost")
async def test_a_line_that_no_agent_heard_is_told_by_the_next_server(
    connect: Connect, connect_stdio: Connect, project: Path
) -> None:
    """Also one that only lies in the inbox: its server was killed before it took it in."""
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
    await steer(project, "tell", "one")
    home = home_of(project)
    message = {"id": "two", "kind": "tell", "data": {"text": "two"}}
    (home / "inbox" / "two.json").write_text(json.dumps(message), encoding="utf-8")
    async with connect_stdio(project) as agent:
        answer = await agent("revert")
        assert answer["told"] == ["one", "two"]
    async with connect_stdio(project) as agent:
        assert "told" not in await agent("revert")


async def test_a_server_that_only_reads_tells_it_once_and_journals_it_when_it_can(
    connect: Connect, done: Finished
) -> None:
    await steer(done.repo, "tell", "hello")
    async with connect(done.repo) as agent:
        assert (await agent("read_program"))["told"] == ["hello"]
        assert "told" not in await agent("check_budget")
        assert not [record for record in done.records if record["kind"] == "heard"]
        assert "told" not in await agent("revert")
    assert [record["data"]["count"] for record in done.records if record["kind"] == "heard"] == [1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tell", " \n"], "tell: the text is empty"),
        (["tell", "x" * 2001], "tell: the text has 2001 characters; at most 2000 are told"),
        (["stop", "x" * 201], "stop: the reason has 201 characters; at most 200 are kept"),
    ],
    ids=["empty", "long", "reason"],
)
async def test_what_cannot_stand_is_refused_and_nothing_is_written(
    done: Finished, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    before = done.journal.read_bytes()
    await steer(done.repo, *words, code=1)
    assert said in capsys.readouterr().err
    assert done.journal.read_bytes() == before


async def test_a_message_of_the_wrong_form_is_ignored_by_name(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        inbox = home_of(project) / "inbox"
        for name, data in {"a": {"text": 1}, "b": {"text": "x" * 3000}, "c": {}}.items():
            message = {"id": name, "kind": "tell", "data": data}
            (inbox / f"{name}.json").write_text(json.dumps(message), encoding="utf-8")
        assert "told" not in await agent("check_budget")
    assert {r.data["message"] for r in records(project) if r.kind == "ignored"} == {"a", "b", "c"}


async def test_a_changed_policy_is_said_once_by_the_next_answer(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        program = project / "program.md"
        program.write_text(program.read_text(encoding="utf-8") + "Try small steps.\n", encoding="utf-8")
        first = await agent("check_budget")
        second = await agent("check_budget")
        program.write_text(program.read_text(encoding="utf-8") + "Or large ones.\n", encoding="utf-8")
        read = await agent("read_program")
        later = await agent("check_budget")
    assert first["note"] == "program.md's policy was changed: call read_program"
    assert "note" not in second
    assert "note" not in read
    assert "Or large ones." in read["text"]
    assert "note" not in later


# --- pause and resume --------------------------------------------------------------------------------------------


async def test_a_paused_session_begins_no_trial_and_lets_everything_else_go_on(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "pause")
        await agent("edit_target", content=BETTER)
        said = await agent.refused("run_eval", description="x", wait_seconds=0)
        other = await agent.refused("run_trial", description="x", content="echo loss: 2\n", wait_seconds=0)
        budget = await agent("check_budget")
        await agent("revert")
        await agent("append_result")
    for text in (said, other):
        assert "the session is paused by the person, so no trial begins. Call run_eval again to wait" in text
    assert (budget["continue"], budget["paused"]) == (True, True)
    assert budget["next"].startswith("run_eval waits until the person resumes")
    assert kinds(project).count("trial_started") == 1
    assert "undone" not in {r.data["via"] for r in records(project) if r.kind == "edited"}


async def test_a_call_that_waits_begins_its_trial_once_the_person_resumes(connect: Connect, project: Path) -> None:
    """It does not hold the lock meanwhile: other calls are answered, and the resume is taken in without any call."""
    answers: list[dict[str, Any]] = []

    async def wait(agent: Any) -> None:
        answers.append(await agent("run_trial", description="better", content=BETTER, wait_seconds=60))

    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "pause")
        assert (await agent("check_budget"))["paused"] is True
        async with anyio.create_task_group() as group:
            group.start_soon(wait, agent)
            await until(lambda: kinds(project).count("call") == 3)
            assert (await agent("check_budget"))["paused"] is True
            assert not answers
            await steer(project, "resume")
    (answer,) = answers
    assert (answer["decision"], answer["metrics"]) == ("keep", {"loss": 1.0})
    assert "paused" not in answer
    assert kinds(project).index("unpaused") < len(kinds(project)) - 1 - kinds(project)[::-1].index("trial_started")


async def test_a_call_that_is_cancelled_in_a_pause_begins_nothing_after_it(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "pause")
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: agent("run_trial", description="x", content=BETTER))
            await until(lambda: kinds(project).count("call") == 2)
            group.cancel_scope.cancel()
        await steer(project, "resume")
        await until(lambda: "unpaused" in kinds(project))
        answer = await agent("run_trial", description="y", content="echo loss: 2\n")
    assert (answer["trial"], answer["metrics"]) == (1, {"loss": 2.0})
    assert kinds(project).count("trial_started") == 2


async def test_the_running_trial_ends_normally_in_a_pause(connect: Connect, project: Path) -> None:
    held = Held(loss=1)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        await steer(project, "pause")
        await until(lambda: "paused" in kinds(project))
        await held.release()
        answer = await agent("run_eval", description="slow")
    assert (answer["trial"], answer["decision"], answer["paused"]) == (1, "keep", True)


async def test_the_trial_behind_a_baseline_does_not_begin_in_a_pause(
    connect: Connect, make_project: MakeProject
) -> None:
    held = Held(loss=3)
    project = make_project({"run.sh": held.text})
    async with connect(project) as agent:
        await agent("edit_target", content=BETTER)
        await agent("run_eval", description="better", wait_seconds=0)
        await held.started()
        await steer(project, "pause")
        await until(lambda: "paused" in kinds(project))
        await held.release()
        answer = await agent("run_eval", description="better", wait_seconds=60)
        assert (answer["trial"], answer["verdict"]) == (0, "equal")
        assert "The draft was not measured: the session is paused" in answer["text"]
    assert kinds(project).count("trial_started") == 1


async def test_a_pause_that_nobody_holds_is_journaled_at_once_and_binds_the_next_server(
    connect: Connect, done: Finished
) -> None:
    await steer(done.repo, "pause")
    async with connect(done.repo) as agent:
        said = await agent.refused("run_trial", description="x", content="echo loss: 0\n", wait_seconds=0)
        assert "paused" in said
    await steer(done.repo, "resume")
    async with connect(done.repo) as agent:
        assert (await agent("run_trial", description="x", content="echo loss: 0\n"))["decision"] == "keep"
    assert found(done.verified()) == {}


async def test_a_pause_in_the_journal_before_a_trial_is_a_finding(done: Finished) -> None:
    line = done.line_of("trial_started", trial=5)

    def paused(found_records: list[dict[str, Any]]) -> None:
        found_records.insert(line - 1, found_records[line - 2] | {"kind": "paused", "data": {"message": ""}})

    done.forge(paused)
    assert any("trial 5: the session was paused" in said for said in found(done.verified())["steps"])


# --- stop --------------------------------------------------------------------------------------------------------


async def test_a_stopped_session_is_over_with_the_reason_until_it_is_resumed(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "stop", "good enough")
        budget = await agent("check_budget")
        said = await agent.refused("run_trial", description="x", content=BETTER)
        await steer(project, "resume")
        answer = await agent("run_trial", description="x", content=BETTER)
    assert budget["continue"] is False
    assert budget["budget"]["reason"] == "stopped by the person: good enough"
    assert "stopped by the person: good enough" in said
    assert "referee resume" in said
    assert (answer["decision"], answer["continue"]) == ("keep", True)


async def test_stop_lets_the_running_trial_end_normally(connect: Connect, project: Path) -> None:
    held = Held(loss=1)
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        await steer(project, "stop")
        await until(lambda: "stopped" in kinds(project))
        await held.release()
        answer = await agent("run_eval", description="slow")
    assert (answer["decision"], answer["continue"]) == ("keep", False)


@pytest.mark.promise("nothing lost")
async def test_stop_now_ends_the_running_trial_as_interrupted_without_any_call(
    connect_stdio: Connect, project: Path
) -> None:
    held = Held(loss=1)
    async with connect_stdio(project) as agent:
        await agent("run_eval", description="baseline")
        before = (await agent("read_target"))["sha256"]
        await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        await held.started()
        await steer(project, "stop", "--now", "bed time")
        await until(lambda: "trial_interrupted" in kinds(project))
        answer = await agent("run_eval", description="slow")
        draft = (await agent("read_target"))["sha256"]
        budget = await agent("check_budget")
        await steer(project, "resume")
        again = await agent("run_trial", description="next", content=BETTER)
    assert (answer["trial"], answer["decision"], answer["continue"]) == (1, "crash", False)
    assert answer["reason"] == "interrupted: stopped by the person: bed time"
    assert draft == before
    assert rows(project)[2][1:] == ["0.000000", "0.0", "crash", "interrupted: slow"]
    assert budget["budget"]["experiments_spent"] == 1
    assert budget["budget"]["crashes_in_a_row_left"] == 10
    assert (again["trial"], again["decision"]) == (2, "keep")


async def test_stop_now_reaches_the_call_that_waits(connect: Connect, project: Path) -> None:
    held = Held(loss=1)
    answers: list[dict[str, Any]] = []

    async def wait(agent: Any) -> None:
        answers.append(await agent("run_trial", description="slow", content=held.text, wait_seconds=60))

    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        async with anyio.create_task_group() as group:
            group.start_soon(wait, agent)
            await held.started()
            await steer(project, "stop", "--now")
    assert (answers[0]["decision"], answers[0]["reason"]) == ("crash", "interrupted: stopped by the person")


async def test_stop_now_in_a_baseline_leaves_no_trial_behind(connect: Connect, make_project: MakeProject) -> None:
    held = Held(loss=3)
    project = make_project({"run.sh": held.text})
    said: list[str] = []

    async def wait(agent: Any) -> None:
        said.append(await agent.refused("run_eval", description="baseline", wait_seconds=60))

    async with connect(project) as agent:
        async with anyio.create_task_group() as group:
            group.start_soon(wait, agent)
            await held.started()
            await steer(project, "stop", "--now", "wrong data")
        assert "the baseline was not measured: stopped by the person: wrong data" in said[0]
        assert (await agent("check_budget"))["continue"] is False
    assert _state(project).trials == {}


async def test_a_stop_now_without_a_trial_does_not_end_a_later_one(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await steer(project, "stop", "--now")
        await until(lambda: "stopped" in kinds(project))
        await steer(project, "resume")
        held = Held(loss=1)
        answer = await agent("run_trial", description="slow", content=held.text, wait_seconds=0)
        assert answer["status"] == "running"
        await held.release()
        assert (await agent("run_eval", description="slow"))["decision"] == "keep"


# --- what people see ---------------------------------------------------------------------------------------------


async def test_status_and_show_say_paused_and_stopped(done: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    await steer(done.repo, "pause")
    capsys.readouterr()
    await steer(done.repo, "status")
    assert "paused" in capsys.readouterr().out
    await steer(done.repo, "show", "1")
    assert "paused by the person" in capsys.readouterr().out
    await steer(done.repo, "stop", "enough")
    capsys.readouterr()
    await steer(done.repo, "status", code=4)
    assert "stopped by the person: enough" in capsys.readouterr().out
    await steer(done.repo, "status", "--json", code=4)
    facts = json.loads(capsys.readouterr().out)
    assert (facts["paused"], facts["stopped"]) == (True, "stopped by the person: enough")
    await steer(done.repo, "show", "1")
    assert "stopped by the person: enough" in capsys.readouterr().out


async def test_every_step_of_the_person_stands_in_the_timeline(
    connect: Connect, done: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["tell", "hello"], ["pause"], ["stop", "--now", "enough"], ["resume"]):
        await steer(done.repo, *words)
    async with connect(done.repo) as agent:
        await agent("revert")
    capsys.readouterr()
    await steer(done.repo, "audit")
    out = capsys.readouterr().out
    expected = [
        "the person says: hello",
        "paused by the person",
        "stopped at once by the person: enough",
        "resumed by the person",
        "the agent was told 1 of the person's lines",
    ]
    places = [out.index(said) for said in expected]
    assert places == sorted(places)


async def test_a_held_session_is_left_a_message_and_a_free_one_is_not(
    connect_stdio: Connect, done: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    await steer(done.repo, "resume")
    assert capsys.readouterr().out == "session mar8: it was neither paused nor stopped.\n"
    async with connect_stdio(done.repo) as agent:
        await agent("revert")
        await steer(done.repo, "pause")
        assert "Left as a message: the server (pid " in capsys.readouterr().out
        await until(lambda: any(record["kind"] == "paused" for record in done.records))
        await until(lambda: not list((done.home / "inbox").iterdir()))


async def test_a_server_outlives_an_inbox_that_is_removed(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        inbox = home_of(project) / "inbox"
        inbox.rmdir()
        await agent("check_budget")
        await steer(project, "pause")
        await until(lambda: "paused" in kinds(project))
        assert (await agent("check_budget"))["paused"] is True


async def test_messages_are_taken_in_once_whoever_else_removes_them(connect: Connect, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        message = json.dumps({"id": "same", "kind": "tell", "data": {"text": "hello"}})
        place = home_of(project) / "inbox" / "same.json"
        for _ in range(3):
            place.write_text(message, encoding="utf-8")
            await until(lambda: not place.exists())
        assert (await agent("check_budget"))["told"] == ["hello"]
    assert kinds(project).count("told") == 1
    assert load(home_of(project) / "journal.jsonl").torn == 0
