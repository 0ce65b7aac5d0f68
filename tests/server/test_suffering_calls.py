"""Calls that a client gives up, forgets, repeats or never reads: what people suffer from elsewhere, met on the wire."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.projects import program
from tests.sandbox.witness import until
from tests.server.moves import BETTER
from tests.server.pipe import ERAS, Pipe, piped
from tests.sessions import Held, kinds, rows, running

eras = pytest.mark.parametrize("era", ERAS)
Make = Callable[..., Path]
CHECK: dict[str, Any] = {"name": "check_budget", "arguments": {}}
TOKEN = "mine"
FAST = "import sys; from referee.server import calls, cli; calls._PROGRESS_SECONDS = 0.01; "


def sleeper(held: Held) -> str:
    """What a held target runs until it is released."""
    return held.text.partition(";")[0]


def release(held: Held) -> None:
    """Let a held target end, once it runs."""
    for process in until(lambda: running(sleeper(held))):
        process.kill()


def ask(pipe: Pipe, number: int, tool: str, **arguments: Any) -> None:
    """Send a call under an id of its own, and do not wait for the answer."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": TOKEN}}
    pipe.write(json.dumps(pipe.request("tools/call", params, number)).encode() + b"\n")


def cancel(pipe: Pipe, number: int) -> None:
    """Say that nobody waits for a call any more."""
    params = {"requestId": number, "reason": "the client gave it up"}
    pipe.write(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).encode() + b"\n")


def facts(answer: dict[str, Any]) -> dict[str, Any]:
    """What a call that succeeded says."""
    assert not answer["result"].get("isError"), answer
    found: dict[str, Any] = answer["result"]["structuredContent"]
    return found


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that report progress a hundred times a second."""
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{FAST}raise SystemExit(cli.main(sys.argv[3:]))\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


@eras
@pytest.mark.promise("bounded trial")
def test_a_trial_ends_at_its_limit_while_its_client_neither_asks_nor_reads(
    make_project: Make, tmp_path: Path, era: str
) -> None:
    """More answers wait for the client than its pipe holds; the clock of the trial is the server's own."""
    project = make_project({"program.md": program(timeout="1s")})
    many = range(1, 100)
    with piped(project, era, tmp_path / "noise") as pipe:
        pipe.call("run_eval", {"description": "baseline"})
        ask(pipe, 0, "run_trial", description="hang", content="trap '' TERM INT HUP; while :; do sleep 9; done\n")
        for number in many:
            ask(pipe, number, "read_program")
        until(lambda: kinds(project).count("row") == 2)
        answers: dict[Any, dict[str, Any]] = {}
        while missing := {0, *many} - answers.keys():
            answers |= {message.get("id"): message for message in pipe.answer(min(missing))}
    assert (facts(answers[0])["verdict"], facts(answers[0])["decision"]) == ("timeout", "crash")


@eras
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("phase", ["opening", "baseline", "trial"])
def test_nothing_is_sent_for_a_cancelled_call_and_the_next_one_is_told_of_its_trial(
    make_project: Make, tmp_path: Path, era: str, phase: str
) -> None:
    held = Held(loss=1)
    project = make_project({"run.sh": held.text} if phase == "baseline" else {})
    with piped(project, era, tmp_path / "noise") as pipe:
        if phase == "trial":
            pipe.call("run_eval", {"description": "baseline"})
        ask(pipe, 1, "run_trial", description="given up", content=held.text if phase == "trial" else "echo loss: 0\n")
        if phase != "opening":
            until(lambda: [message for message in pipe.heard("tools/list", {}) if "method" in message])
            until(lambda: running(sleeper(held)))
        cancel(pipe, 1)
        pipe.ask("tools/list", {})
        later = [message for _ in range(9) for message in pipe.heard("tools/call", CHECK)]
        if phase != "opening":
            release(held)
        told = facts(pipe.call("run_eval", {"description": "next"}))
    assert not [message for message in later if message.get("id") == 1 or "method" in message]
    assert phase == "opening" or (told["trial"], told["decision"]) == (1, "keep")
    assert kinds(project).count("trial_started") == kinds(project).count("row") == 1 + told["trial"]


@eras
def test_a_cancellation_that_comes_too_late_or_names_nothing_changes_nothing(
    project: Path, tmp_path: Path, era: str
) -> None:
    with piped(project, era, tmp_path / "noise") as pipe:
        ask(pipe, 1, "run_trial", description="better", content=BETTER)
        pipe.answer(1)
        for number in (1, 1, 999):
            cancel(pipe, number)
        answer = facts(pipe.call("run_trial", {"description": "best", "content": "echo loss: 1\n"}))
    assert (answer["trial"], answer["decision"]) == (2, "keep")
    assert [row[3] for row in rows(project)[1:]] == ["keep"] * 3


@eras
@pytest.mark.parametrize("ids", ["new", "same"])
def test_every_changing_call_that_arrives_twice_counts_once(project: Path, tmp_path: Path, era: str, ids: str) -> None:
    """The second comes while the first is worked on, under an id of its own or even the same."""
    moves: list[tuple[str, dict[str, Any]]] = [
        ("run_eval", {"description": "baseline"}),
        ("edit_target", {"content": BETTER}),
        ("run_eval", {"description": "better"}),
        ("keep", {}),
        ("append_result", {"lesson": "less is more", "cost_usd": 0.5}),
        ("run_trial", {"description": "worse", "content": "echo loss: 9\n"}),
        ("revert", {}),
    ]
    with piped(project, era, tmp_path / "noise") as pipe:
        for number, (tool, arguments) in enumerate(moves):
            second = number if ids == "same" else 100 + number
            ask(pipe, number, tool, **arguments)
            ask(pipe, second, tool, **arguments)
            pipe.answer(number)
            pipe.answer(second)
        spent = facts(pipe.call("check_budget", {}))["budget"]
        text = facts(pipe.call("read_program", {}))["text"]
    assert (spent["experiments_spent"], spent["cost_usd_spent"]) == (2, 0.5)
    assert [row[3] for row in rows(project)[1:]] == ["keep", "keep", "discard"]
    assert text.count("less is more") == 1


@pytest.mark.promise("nothing lost")
def test_a_call_whose_answer_was_lost_with_the_server_is_answered_from_the_record(
    project: Path, tmp_path: Path
) -> None:
    better = {"description": "better", "content": BETTER, "lesson": "less is more", "cost_usd": 0.5}
    first = Pipe(project, ERAS[1], tmp_path / "first")
    try:
        first.call("run_eval", {"description": "baseline"})
        ask(first, 1, "run_trial", **better)
        until(lambda: kinds(project).count("row") == 2)
    finally:
        first.process.kill()
        first.close()
    with piped(project, ERAS[1], tmp_path / "second") as pipe:
        again = facts(pipe.call("run_trial", better))
    assert (again["trial"], again["decision"]) == (1, "keep")
    assert "nothing was run or charged" in again["text"]
    assert (again["budget"]["experiments_spent"], again["budget"]["cost_usd_spent"]) == (1, 0.5)
    assert kinds(project).count("trial_started") == kinds(project).count("row") == 2


def test_an_edit_that_names_the_draft_that_it_is_for_is_never_applied_twice(project: Path, tmp_path: Path) -> None:
    with piped(project, ERAS[1], tmp_path / "noise") as pipe:
        before = facts(pipe.call("read_target", {}))["sha256"]
        longer = {"edits": [{"old_text": "echo loss: 3", "new_text": "echo loss: 33"}], "expected_sha256": before}
        after = facts(pipe.call("edit_target", longer))["sha256"]
        again = pipe.call("edit_target", longer)["result"]
        draft = facts(pipe.call("read_target", {}))
    assert again["isError"]
    assert after[:12] in again["content"][0]["text"]
    assert draft["sha256"] == after
    assert "echo loss: 33\n" in draft["text"]
