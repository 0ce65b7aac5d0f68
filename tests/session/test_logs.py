"""Logs of a session are bounded; what an audit needs stays, and nothing goes unsaid."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referee.session import checkpoint, logs
from referee.session.fold import fold
from referee.session.journal import load
from referee.session.state import Decision, State, Trial, Trials

from tests.finished import Finished
from tests.sessions import kinds

KEPT = (1, 4)  # of the finished session, besides the baseline
NOT_KEPT = (2, 3, 5)


@pytest.fixture(name="_all_old")
def _no_last_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_LAST", -1)


def _state(done: Finished) -> State:
    state = fold(load(done.journal).records)
    assert state is not None
    return state


def _write(done: Finished, size: int) -> None:
    for number in range(6):
        (done.home / "logs" / f"{number}.log").write_bytes(b"x" * size)


def _names(found: logs.Rotation | None) -> list[str]:
    return [path.name for path in found.files] if found else []


@pytest.mark.usefixtures("_all_old")
def test_the_oldest_logs_of_what_was_not_kept_make_room(done: Finished) -> None:
    _write(done, 100)
    assert _names(logs.rotation(done.home, _state(done), most=600)) == []
    assert _names(logs.rotation(done.home, _state(done), most=599)) == ["2.log"]
    assert _names(logs.rotation(done.home, _state(done), most=401)) == ["2.log", "3.log"]
    assert _names(logs.rotation(done.home, _state(done), most=0)) == ["2.log", "3.log", "5.log"]


@pytest.mark.usefixtures("_all_old")
def test_every_log_of_a_trial_goes_with_it(done: Finished) -> None:
    _write(done, 100)
    for name in ("2-1.log", "2.score.log", "2-1.score.log"):
        (done.home / "logs" / name).write_bytes(b"x")
    found = logs.rotation(done.home, _state(done), most=602)
    assert sorted(_names(found)) == ["2-1.log", "2-1.score.log", "2.log", "2.score.log"]


def test_the_logs_of_the_last_trials_stay_whatever_they_take(done: Finished) -> None:
    _write(done, 100)
    assert logs.rotation(done.home, _state(done), most=0) is None


@pytest.mark.usefixtures("_all_old")
def test_what_is_no_log_of_ours_is_left_alone(done: Finished) -> None:
    _write(done, 100)
    for name in ("mine.txt", "x2.log", "2.log.gz"):
        (done.home / "logs" / name).write_bytes(b"x" * 10_000)
    (done.home / "logs" / "2.log").unlink()
    (done.home / "logs" / "2.log").symlink_to(done.journal)
    assert _names(logs.rotation(done.home, _state(done), most=0)) == ["3.log", "5.log"]


@pytest.mark.usefixtures("_all_old")
def test_what_was_written_before_a_moment_goes_whatever_room_there_is(done: Finished) -> None:
    _write(done, 1)
    for number in (2, 4):
        os.utime(done.home / "logs" / f"{number}.log", (1_000, 1_000))
    assert _names(logs.rotation(done.home, _state(done), older_than=2_000)) == ["2.log"]


@given(sizes=st.lists(st.integers(0, 50), min_size=6, max_size=6), most=st.integers(0, 300))
@settings(max_examples=100, deadline=None)
def test_what_stays_fits_or_is_what_must_stay(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], most: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "logs").mkdir()
    for number, size in enumerate(sizes):
        (home / "logs" / f"{number}.log").write_bytes(b"x" * size)
    state = _of_trials(len(sizes), KEPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "_LAST", -1)
        found = logs.rotation(home, state, most=most)
    going = {int(name.split(".")[0]) for name in _names(found)}
    staying = sum(size for number, size in enumerate(sizes) if number not in going)
    assert going <= set(NOT_KEPT)
    assert staying <= most or going == set(NOT_KEPT)
    if found:
        assert found.bytes == sum(sizes) - staying
        assert all(number < found.before for number in going)


def _of_trials(count: int, kept: tuple[int, ...]) -> State:
    def trial(number: int) -> Trial:
        decision = Decision.KEEP if number in kept else Decision.DISCARD
        return Trial(number, "", "", "", "", 0.0, 0.0, verdict="worse", decision=decision)

    state = State.__new__(State)
    state.trials = Trials({number: trial(number) for number in range(count)})
    return state


@pytest.mark.anyio
@pytest.mark.usefixtures("_all_old")
@pytest.mark.promise("whole log")
async def test_a_log_that_made_room_is_journaled_and_said(
    connect: Any, project: Path, home_of: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 2)
    monkeypatch.setattr(logs, "MOST_BYTES", 0)
    async with connect(project, "mar8") as agent:
        for loss in (9, 8, 7):
            await agent("run_trial", description="worse", content=f"echo loss: {loss}\n")
        said = await agent("read_log", trial=1)
        kept = await agent("read_log", trial=0)
    assert "removed to make room" in said["text"]
    assert "loss: 3" in kept["text"]
    assert "rotated" in kinds(project)
    assert not (home_of(project) / "logs" / "1.log").exists()
