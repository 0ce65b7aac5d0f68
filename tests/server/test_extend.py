"""`referee extend`: journaled once, here or by the server that holds the session, and clear about what is wrong."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest
from referee.server.cli import main
from referee.session.fold import fold
from referee.session.journal import load
from referee.session.state import State

from tests.finished import Finished, found


def _state(done: Finished) -> State:
    state = fold(load(done.journal).records)
    assert state is not None
    return state


def _extensions(done: Finished) -> list[dict[str, Any]]:
    return [record["data"] for record in done.records if record["kind"] == "extended"]


def _extend(done: Finished, *flags: str) -> int:
    return main(["extend", "--repo", str(done.repo), *flags])


def test_a_free_session_is_extended_at_once(done: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = (done.home / "snapshot").stat().st_mtime_ns
    assert _extend(done, "--experiments", "10", "--hours", "1.5") == 0
    assert capsys.readouterr().out == ("session mar8: max_experiments 100 -> 110, max_wall_clock_hours 8.0 -> 9.5\n")
    budget = _state(done).budget
    assert (budget.max_experiments, budget.max_wall_clock_hours) == (110, 9.5)
    assert list((done.home / "inbox").iterdir()) == []
    assert (done.home / "snapshot").stat().st_mtime_ns == snapshot
    assert found(done.verified()) == {}


def test_an_exhausted_session_goes_on_after_it(done: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    done.limit(max_experiments=5)
    assert main(["status", "--repo", str(done.repo)]) == 4
    assert _extend(done, "--experiments", "1") == 0
    assert "Still used up" not in capsys.readouterr().out
    assert main(["status", "--repo", str(done.repo)]) == 0


def test_hours_that_do_not_reach_until_now_are_said_to_be_too_few(
    done: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real time goes on after the last trial: an hour more is not enough the morning after."""
    done.limit(max_wall_clock_hours=1e-6)
    assert _extend(done, "--hours", "1e-7") == 0
    out = capsys.readouterr().out
    assert "Still used up: " in out
    assert "add more than 0.0" in out


def test_a_limit_that_does_not_exist_stays_absent(done: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    assert _extend(done, "--usd", "5") == 0
    assert capsys.readouterr().out == "session mar8: no such limit, so nothing to add to\n"
    assert _state(done).budget.max_cost_usd is None
    assert found(done.verified()) == {}


def test_the_count_of_crashes_in_a_row_starts_again(done: Finished) -> None:
    done.cut(done.line_of("row", trial=3))
    assert _state(done).consecutive_crashes == 1
    assert _extend(done, "--experiments", "1") == 0
    assert _state(done).consecutive_crashes == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "say what is added: --experiments, --hours or --usd"),
        (["--experiments", "0"], "experiments: found 0, expected a number above 0"),
        (["--experiments", "-3"], "experiments: found -3, expected a number above 0"),
        (["--hours", "0"], "hours: found 0.0, expected a number above 0"),
        (["--hours", "nan"], "hours: found nan, expected a number above 0"),
        (["--hours", "inf"], "hours: found inf, expected a number above 0"),
        (["--usd", "-0.5"], "usd: found -0.5, expected a number above 0"),
        (["--hours", "1e300"], "more than a budget can hold"),
        (["--experiments", "1000000000000"], "more than a budget can hold"),
        (["--experiments", "1", "--usd", "nan"], "usd: found nan, expected a number above 0"),
    ],
)
def test_what_is_no_addition_is_refused_and_nothing_is_written(
    done: Finished, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    before = done.journal.read_bytes()
    assert _extend(done, *flags) == 1
    err = capsys.readouterr().err
    assert err.startswith("referee: extend: ")
    assert said in err
    assert done.journal.read_bytes() == before
    assert list((done.home / "inbox").iterdir()) == []


def test_a_fraction_of_an_experiment_is_a_fault_of_usage(done: Finished) -> None:
    with pytest.raises(SystemExit, match="2"):
        _extend(done, "--experiments", "1.5")


def test_a_damaged_journal_is_not_written_to(done: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = done.journal.read_bytes().replace(b'"lower"', b'"LOWER"')
    done.journal.write_bytes(damaged)
    assert _extend(done, "--experiments", "1") == 1
    assert "was changed after it was written" in capsys.readouterr().err
    assert done.journal.read_bytes() == damaged


def test_the_session_is_free_again_after_a_refusal(done: Finished) -> None:
    assert _extend(done, "--experiments", "0") == 1
    assert _extend(done, "--experiments", "1") == 0


Connect = Callable[..., AbstractAsyncContextManager[Any]]


def _left_behind(done: Finished) -> str:
    """Put the message of the last extension back, as its server leaves it that is killed before it removes it."""
    name = str(_extensions(done)[-1]["message"])
    message = {"id": name, "kind": "extend", "data": {"experiments": 2}}
    (done.home / "inbox" / f"{name}.json").write_text(json.dumps(message), encoding="utf-8")
    return name


@pytest.mark.anyio
async def test_a_held_session_is_extended_by_its_server_exactly_once(
    done: Finished, connect_stdio: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the message is left behind, as by a server that was killed between journal and removal."""
    done.limit(max_experiments=5)
    inbox = done.home / "inbox"
    async with connect_stdio(done.repo) as agent:
        await agent("revert")
        assert "the budget is used up" in await agent.refused("run_trial", description="x", content="echo loss: 1\n")
        flags = ["extend", "--repo", str(done.repo), "--experiments", "2"]
        assert await anyio.to_thread.run_sync(main, flags) == 0
        said = capsys.readouterr().out
        assert "session mar8: max_experiments 5 -> 7\nLeft as a message: the server (pid " in said
        assert "takes it in within a second or two" in said
        assert (await agent("check_budget"))["budget"]["experiments_left"] == 2
        assert list(inbox.iterdir()) == []
        message = _left_behind(done)
        assert (await agent("check_budget"))["budget"]["experiments_left"] == 2
        assert list(inbox.iterdir()) == []
        reply = await agent("run_trial", description="better", content="echo loss: 1\n")
        assert reply["decision"] == "keep"
        assert reply["budget"]["experiments_left"] == 1

    _left_behind(done)
    async with connect_stdio(done.repo) as agent:
        await agent("revert")
        assert (await agent("check_budget"))["budget"]["experiments_left"] == 1
    (extension,) = _extensions(done)
    assert extension["message"] == message
    assert set(found(done.verified())) == {"commits"}  # of the chain before the first limit was forged


@pytest.mark.anyio
async def test_a_held_session_refuses_what_is_no_addition_at_once(
    done: Finished, connect_stdio: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connect_stdio(done.repo) as agent:
        await agent("revert")
        flags = ["extend", "--repo", str(done.repo), "--hours", "-1"]
        assert await anyio.to_thread.run_sync(main, flags) == 1
    assert "hours: found -1.0, expected a number above 0" in capsys.readouterr().err
    assert list((done.home / "inbox").iterdir()) == []


@pytest.mark.anyio
async def test_a_message_keeps_absent_limits_absent_and_resets_the_crashes(
    done: Finished, connect_stdio: Connect
) -> None:
    done.cut(done.line_of("row", trial=3))
    async with connect_stdio(done.repo) as agent:
        await agent("revert")
        flags = ["extend", "--repo", str(done.repo), "--usd", "3"]
        assert await anyio.to_thread.run_sync(main, flags) == 0
        left = (await agent("check_budget"))["budget"]
    assert left["crashes_in_a_row_left"] == 10
    assert _state(done).budget.max_cost_usd is None
    assert json.dumps(_extensions(done)[0]["budget"]["max_cost_usd"]) == "null"
