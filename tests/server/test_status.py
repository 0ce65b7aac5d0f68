"""`referee status`: what a person reads about a session, in a terminal of any width, and what a script reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.server.cli import main
from referee.server.commands.screen import cells, cut, duration, memory, table
from referee.session.inbox import drop
from referee.session.loop import Call, Loop
from referee.session.session import Change

from tests.conftest import MakeProject
from tests.finished import TAG, Finished

EXHAUSTED = 4


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command and return what it printed."""

    def run(repo: Path, *flags: str, code: int = 0) -> str:
        assert main(["status", "--repo", str(repo), *flags]) == code
        return capsys.readouterr().out

    return run


def test_it_says_where_the_session_stands(done: Finished, status: Callable[..., str]) -> None:
    head, rows = status(done.repo).split("\n\n")
    facts = dict(line.split(maxsplit=1) for line in head.replace("held by", "held").splitlines())
    base, best = done.commit(0)[:7], done.commit(4)[:7]
    assert facts["session"] == f"mar8, base {base}, branch referee/mar8"
    assert facts["target"] == "run.sh -> loss (minimize)"
    assert facts["integrity"] == "self-reported"
    assert facts["held"] == "nobody"
    assert facts["budget"].startswith("5 of 100 experiments, ")
    assert "$1.25 of any" in facts["budget"]
    assert facts["baseline"] == f"trial 0, loss 3.000000, commit {base}"
    assert facts["best"] == f"trial 4, loss 2.500000, commit {best}"
    assert [line.split()[0] for line in rows.splitlines()] == ["trial", "0", "1", "2", "3", "4", "5"]
    assert rows.splitlines()[3].split()[2:6:2] == ["9.000000", "discard"]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_columns_are_aligned(
    done: Finished, status: Callable[..., str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = status(done.repo)
    assert max(cells(line) for line in out.splitlines()) <= columns
    rows = out.split("\n\n")[1].splitlines()
    place = rows[0].index("  des") + 2
    assert [row[place] for row in rows[1:]] == ["b", "l", "r", "c", "s", "r"]


def test_no_control_character_of_a_journal_reaches_the_terminal(done: Finished, status: Callable[..., str]) -> None:
    evil = "a\x1b]0;owned\x07\u202e\ud800\nb"

    def change(records: list[dict[str, Any]]) -> None:
        for record in records:
            if record["kind"] in {"row", "trial_started"}:
                record["data"]["description"] = evil

    done.forge(change)
    out = status(done.repo)
    assert all(char.isprintable() or char == "\n" for char in out)
    assert "owned" in out


def test_a_terminal_that_lacks_a_character_gets_a_replacement(done: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _AsciiOut())
    assert main(["status", "--repo", str(done.repo)]) == 0


class _AsciiOut:
    encoding = "ascii"

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        return len(text.encode("ascii"))

    def flush(self) -> None:
        pass


def test_the_same_as_data(done: Finished, status: Callable[..., str]) -> None:
    facts = json.loads(status(done.repo, "--json"))
    assert facts["tag"] == TAG
    assert facts["held_by"] is None
    assert facts["continue"] is True
    assert facts["best"]["trial"] == 4
    assert facts["limits"]["max_experiments"] == 100
    assert [(row["trial"], row["status"], row["verdict"]) for row in facts["rows"]] == [
        (0, "keep", "equal"),
        (1, "keep", "improved"),
        (2, "discard", "worse"),
        (3, "crash", "crash"),
        (4, "keep", "simpler"),
        (5, "discard", "worse"),
    ]
    assert facts["rows"][4]["commit"] == done.commit(4)
    assert facts["journal"] == done.records[-1]["hash"]


def test_an_exhausted_budget_is_an_exit_code_of_its_own(done: Finished, status: Callable[..., str]) -> None:
    done.limit(max_experiments=5)
    assert "used up: 5 of 5 experiments" in status(done.repo, code=EXHAUSTED)
    assert json.loads(status(done.repo, "--json", code=EXHAUSTED))["continue"] is False


def test_one_experiment_left_is_not_exhausted(done: Finished, status: Callable[..., str]) -> None:
    done.limit(max_experiments=6)
    assert "used up" not in status(done.repo)


def test_a_message_for_the_server_is_said(done: Finished, status: Callable[..., str]) -> None:
    drop(done.home / "inbox", "extend", {"experiments": 1})
    assert "1 message that no server has taken in yet" in status(done.repo)


@pytest.mark.anyio
async def test_a_running_trial_and_its_server_are_named(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_project()
    async with Loop(folder, TAG) as loop:
        await loop.run(Call("run_eval"), "baseline", 60)
        slow = Change(content="sleep 60\n")
        await loop.write(Call("edit_target"), lambda session: session.edit(slow))
        await loop.run(Call("run_eval"), "slow one", 0)
        assert await anyio.to_thread.run_sync(main, ["status", "--repo", str(folder)]) == 0
        assert await anyio.to_thread.run_sync(main, ["status", "--repo", str(folder), "--json"]) == 0
    text, data = capsys.readouterr().out.split("\n{", 1)
    assert "trial 1 (slow one), " in text
    assert "of at most 20.0s" in text
    facts = json.loads("{" + data)
    assert facts["held_by"].isdecimal()
    assert facts["running"]["trial"] == 1
    assert facts["running"]["lost"] is False


def test_a_trial_that_outlived_its_server_is_said_to_be_lost(done: Finished, status: Callable[..., str]) -> None:
    done.cut(done.line_of("trial_started", trial=5))
    assert "trial 5 (raise again) was running when its server ended" in status(done.repo)


def test_without_a_session_it_says_what_opens_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--repo", str(project)]) == 1
    assert "The first run_eval opens one." in capsys.readouterr().err


def test_a_damaged_journal_is_named_by_its_line(done: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    lines = done.journal.read_bytes().split(b"\n")
    damaged = next(index for index, line in enumerate(lines) if b"lower" in line)
    lines[damaged] = lines[damaged].replace(b"lower", b"LOWER")
    done.journal.write_bytes(b"\n".join(lines))
    assert main(["status", "--repo", str(done.repo)]) == 1
    assert f"line {damaged + 1} was changed" in capsys.readouterr().err


def test_wide_and_combining_characters_are_counted_as_a_terminal_shows_them() -> None:
    assert [cells(text) for text in ("ab", "\u6f22\u5b57", "e\u0301")] == [2, 4, 1]
    assert cut("\u6f22\u5b57\u6f22\u5b57", 5) == "\u6f22\u5b57…"
    assert cut("abcde", 5) == "abcde"
    assert table([["n", "text"], ["\u6f22", "x"], ["abc", "y"]], None) == ["n    text", "\u6f22   x", "abc  y"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.25, "0.2s"), (59.94, "59.9s"), (60, "1m00s"), (312, "5m12s"), (3599.6, "1h00m"), (7385, "2h03m")],
)
def test_durations_are_said_as_a_person_says_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_memory_is_said_in_the_unit_that_says_most() -> None:
    assert [memory(44.04), memory(0.018)] == ["44.0 GB", "18 MB"]
