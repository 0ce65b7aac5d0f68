"""tell: what the person says reaches the agent once, by the person's own command beside a real server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.finished import Finished, found
from tests.sessions import home_of, records

from .steered import BETTER, Connect, steer, told

pytestmark = pytest.mark.anyio


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
    line, heard = told(project)
    assert line["text"] == "look at the learning rate [31mfirst"
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
