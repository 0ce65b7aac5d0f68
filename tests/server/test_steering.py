"""What people see of tell, pause, resume and stop, and what becomes of the messages."""

import json
from pathlib import Path

import pytest
from referee.session.journal import load

from tests.finished import Finished
from tests.sessions import home_of, kinds

from .steered import Connect, steer, until

pytestmark = pytest.mark.anyio


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
