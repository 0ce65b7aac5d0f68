"""`referee audit`: what happened, readable in a terminal, and the verdict on the record as an exit code."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.server.cli import main
from referee.server.commands.screen import cells

from tests.finished import TAG, Finished
from tests.projects import git, program

Connect = Callable[..., AbstractAsyncContextManager[Any]]
Audit = Callable[..., str]


@pytest.fixture
def audit(done: Finished, capsys: pytest.CaptureFixture[str]) -> Audit:
    """Run the command and return what it printed."""

    def run(*flags: str, code: int = 0) -> str:
        assert main(["audit", "--repo", str(done.repo), *flags]) == code
        return capsys.readouterr().out

    return run


def _damage(done: Finished, line: int) -> None:
    lines = done.journal.read_bytes().split(b"\n")
    lines[line - 1] = lines[line - 1][:-6] + b'0000"}'
    done.journal.write_bytes(b"\n".join(lines))


def test_every_record_has_its_line_in_order(done: Finished, audit: Audit) -> None:
    lines = [line[10:] for line in audit().splitlines() if line[2:3] == ":"]
    refusals = sum(1 for record in done.records if record["kind"] == "refused")
    assert refusals == 1
    assert len(lines) == len(done.records) - refusals
    trial = next(n for n, line in enumerate(lines) if line.startswith("run_trial") and "lower" in line)
    assert lines[trial].endswith(" -> ok")
    assert [" ".join(line.split()[:3]) for line in lines[trial + 1 : trial + 6]] == [
        "draft is " + git(done.repo, "rev-parse", done.commit(1) + ":run.sh")[:7],
        "trial 1 started:",
        "trial 1 improved:",
        "trial 1 keep",
        "row of trial",
    ]


def test_a_refusal_is_told_with_its_call_and_its_reason(audit: Audit) -> None:
    (refused,) = [line for line in audit().splitlines() if " keep  " in line]
    assert "-> refused: " in refused


def test_interference_repairs_and_extensions_stand_between_the_calls(done: Finished, audit: Audit) -> None:
    with done.journal.open("ab") as file:
        file.write(b'{"half')
    assert main(["extend", "--repo", str(done.repo), "--experiments", "1"]) == 0
    done.forge(lambda records: records.append(records[-1] | {"kind": "interference", "data": {"what": "x was moved"}}))
    done.forge(lambda records: records.append(records[-1] | {"kind": "unheard-of", "data": {"a": 1}}))
    told = [line[10:].strip() for line in audit().splitlines()[-4:]]
    assert told[0] == "repaired: 6 bytes of a half-written record were cut off"
    assert told[1].startswith("budget extended: max_experiments 101, ")
    assert told[2] == "interference: x was moved"
    assert told[3] == 'unheard-of: {"a": 1}'


@pytest.mark.parametrize("columns", [60, 100])
def test_no_line_is_wider_than_the_terminal(
    done: Finished, audit: Audit, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    done.forge(lambda records: records[5]["data"].update(arguments={"content": "y" * 150, "more": "z" * 150}))
    monkeypatch.setenv("COLUMNS", str(columns))
    out = audit()
    assert max(cells(line) for line in out.splitlines()) <= columns
    assert all(" -> " in line for line in out.splitlines() if "run_trial  " in line)


def test_no_control_character_of_an_argument_reaches_the_terminal(done: Finished, audit: Audit) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        for record in records:
            if record["kind"] in {"call", "refused"}:
                record["data"] |= {"tool": "x\x1b[2J", "arguments": {"a\x07": "\u202e\x9b"}, "error": "\x1b\n\rok"}

    done.forge(change)
    assert all(char.isprintable() or char == "\n" for char in audit())


def test_the_same_as_data(done: Finished, audit: Audit) -> None:
    told = json.loads(audit("--json"))
    assert told == {"tag": TAG, "records": done.records, "damage": [], "native_calls": []}


def test_a_damaged_journal_is_told_as_far_as_it_goes_and_is_a_fault(
    done: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = done.journal.read_bytes().split(b"\n")
    lines[19] = b"garbage"
    done.journal.write_bytes(b"\n".join(lines))
    assert main(["audit", "--repo", str(done.repo)]) == 1
    captured = capsys.readouterr()
    assert sum(1 for line in captured.out.splitlines() if line[2:3] == ":") == 19
    assert "journal line 20 is not a journal record" in captured.err


def test_verify_prints_every_check_with_ok(audit: Audit) -> None:
    out = audit("--verify")
    names = ["chain", "head", "steps", "verdicts", "budget", "commits", "refs", "branch", "rows", "inputs"]
    assert [line.split()[:2] for line in out.splitlines()[1:-1]] == [["ok", name] for name in names]
    assert "nothing found" in out


def test_verify_hashes_every_input_again_and_names_the_one_that_differs(
    make_project: Callable[..., Path], connect: Connect, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "labels.csv").write_text("1\n", encoding="utf-8")
    project = make_project({"program.md": program(more=f"sandbox: {{inputs: ['{data}']}}")})

    async def baseline() -> None:
        async with connect(project, TAG) as agent:
            await agent("run_eval", description="baseline")

    anyio.run(baseline)
    assert main(["audit", "--verify", "--repo", str(project)]) == 0
    assert "files and folders of 2 inputs, every byte hashed again" in capsys.readouterr().out
    (data / "labels.csv").write_text("2\n", encoding="utf-8")
    assert main(["audit", "--verify", "--repo", str(project)]) == 1
    out = capsys.readouterr().out
    assert "FOUND      inputs" in out
    assert f" - {data}" in out


def test_verify_exits_1_and_prints_each_finding(done: Finished, audit: Audit) -> None:
    git(done.repo, "update-ref", f"refs/referee/{TAG}/trials/2", done.commit(1))
    _damage(done, 4)
    out = audit("--verify", code=1)
    assert "FOUND      chain" in out
    assert " - journal line 4 (" in out
    assert f" - refs/referee/{TAG}/trials/2 points at {done.commit(1)[:7]} (trial 1 (keep));" in out
    assert "ok         commits" in out
    assert "\n2 findings." in out


def test_what_a_killed_server_can_leave_behind_is_said_to_be_that(done: Finished, audit: Audit) -> None:
    git(done.repo, "update-ref", f"refs/referee/{TAG}/best", done.commit(1))
    assert "A server that was killed can leave these" in audit("--verify", code=1)
    _damage(done, 4)
    assert "A server that was killed can leave these" not in audit("--verify", code=1)


def test_verify_as_data(done: Finished, audit: Audit) -> None:
    assert json.loads(audit("--verify", "--json"))["findings"] == 0
    _damage(done, 4)
    told = json.loads(audit("--verify", "--json", code=1))
    assert told["findings"] == 1
    assert [check["name"] for check in told["checks"] if not check["ok"]] == ["chain"]


def test_a_session_is_found_by_its_tag_even_if_its_first_line_is_damaged(done: Finished, audit: Audit) -> None:
    _damage(done, 1)
    assert "journal line 1 " in audit("--verify", "--tag", TAG, code=1)


def test_an_unknown_tag_is_refused_with_those_that_exist(done: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    for flags in ([], ["--verify"]):
        assert main(["audit", "--repo", str(done.repo), "--tag", "may1", *flags]) == 1
        assert "no session may1 here. Sessions: mar8." in capsys.readouterr().err


@pytest.mark.anyio
async def test_both_work_beside_a_server_that_holds_the_session(
    done: Finished, connect_stdio: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connect_stdio(done.repo) as agent:
        await agent("run_trial", description="better", content="echo loss: 1\n")
        assert await anyio.to_thread.run_sync(main, ["audit", "--repo", str(done.repo)]) == 0
        assert "trial 6 improved" in capsys.readouterr().out
        assert await anyio.to_thread.run_sync(main, ["audit", "--verify", "--repo", str(done.repo)]) == 0
        assert "held by pid" in capsys.readouterr().out
        reply = await agent("run_trial", description="even better", content="echo loss: 0.5\n")
        assert reply["decision"] == "keep"
    assert main(["audit", "--verify", "--repo", str(done.repo)]) == 0
