"""The person's part of the state: the clock in a pause, and which lines the agent has yet to be told."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referee.session.errors import PausedError
from referee.session.fold import apply, fold
from referee.session.inbox import Lookout
from referee.session.journal import GENESIS, Record, load
from referee.session.person import AT_ONCE, KEPT, Said, refuse_paused
from referee.session.state import State

from tests.finished import Finished

FIXED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
STEPS = ["call", "paused", "left", "unpaused", "begin", "end"]


class Clock:
    """Makes records of a session, so many seconds one after the other."""

    def __init__(self, first: Record) -> None:
        self._at = first.uptime
        self._seq = first.seq

    def record(self, kind: str, later: float, **data: object) -> Record:
        self._at += later
        self._seq += 1
        time = datetime.fromtimestamp(self._at, UTC).isoformat()
        return Record(self._seq, time, "one", self._at, "main", kind, data, GENESIS, GENESIS)


def _begin(clock: Clock, seconds: float, number: int) -> Record:
    facts = {"blob": str(number), "tree": "", "parent": "", "description": "x", "limit": 1e9}
    return clock.record("trial_started", seconds, trial=number, **facts)


def _step(clock: Clock, state: State, step: str, seconds: float) -> Record:
    """The record of a step; a call where the step is not possible."""
    running = state.running
    if step == "begin" and running is None and not state.paused:
        return _begin(clock, seconds, max(state.trials, default=0) + 1)
    if step == "end" and running is not None:
        return clock.record("trial_interrupted", seconds, trial=running, commit="c", reason="r", seconds=1.0)
    if step == "left":  # by the server that held it
        return clock.record("paused", seconds, message="id")
    if step == "paused" and running is None:  # by a command, where nobody holds it
        return clock.record("paused", seconds, message="")
    return clock.record("unpaused" if step == "unpaused" else "call", seconds, message="")


def _opened(done: Finished) -> tuple[Clock, State]:
    first = load(done.journal).records[0]
    state = fold([first])
    assert state is not None
    clock = Clock(first)
    apply(state, _begin(clock, 0, 1))
    return clock, state


@FIXED
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(-5, 50)), max_size=30))
def test_the_clock_never_goes_back_and_counts_a_pause_only_while_a_trial_runs(
    done: Finished, steps: Sequence[tuple[str, int]]
) -> None:
    clock, state = _opened(done)
    counted = state.elapsed
    for step, seconds in steps:
        before, standing = state.elapsed, state.paused and state.running is None
        record = _step(clock, state, step, seconds)
        told = state.spent(record.instant).seconds
        apply(state, record)
        counted += 0 if standing else max(seconds, 0)
        assert state.elapsed >= before
        assert state.elapsed == told == pytest.approx(counted, abs=1e-3)


def test_a_pause_after_the_server_died_in_a_trial_counts_nothing(done: Finished) -> None:
    """The trial stands in the journal as running, but whoever could take the lock knows that it is dead."""
    clock, state = _opened(done)
    apply(state, clock.record("paused", 10, message=""))
    night = clock.record("resumed", 8 * 3600, pid=1, version="1")
    assert state.spent(night.instant).seconds == 10
    apply(state, night)
    assert state.elapsed == 10


def test_a_session_is_paused_until_it_is_resumed_and_stopped_with_the_reason(done: Finished) -> None:
    clock, state = _opened(done)
    refuse_paused(state)
    apply(state, clock.record("paused", 1, message="a"))
    with pytest.raises(PausedError, match="Call run_eval again to wait"):
        refuse_paused(state)
    apply(state, clock.record("stopped", 1, message="b", reason="enough", now=False))
    assert (state.paused, state.stopped) == (True, "stopped by the person: enough")
    apply(state, clock.record("unpaused", 1, message="c"))
    assert (state.paused, state.stopped) == (False, "")
    assert {"a", "b", "c"} <= state.taken
    refuse_paused(state)


@given(st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=80))
def test_every_line_is_told_once_in_order_and_few_are_kept(steps: Sequence[int | None]) -> None:
    """None is a new line; a number is a reply of which that many lines at most are heard."""
    said, expected, heard = Said(), list[str](), list[str]()
    for step in steps:
        if step is None:
            expected.append(str(len(expected)))
            said.tell(expected[-1])
        else:
            given = said.after(said.heard)[:step]
            heard += given
            said.hear(len(given))
        assert len(said.after(said.heard)) <= AT_ONCE
        assert len(said.lines) <= max(KEPT, len(expected) - len(heard))
        assert said.lines[-KEPT:] == expected[-KEPT:]
    while given := said.after(said.heard):
        heard += given
        said.hear(len(given))
    assert heard == expected


def test_a_folder_is_looked_through_once_a_change_and_again_where_its_time_is_too_coarse_to_tell(
    tmp_path: Path,
) -> None:
    old, now = 1_000_000_000_000_000_000, time.time_ns()
    lookout = Lookout()
    seen: list[bool] = []
    for at in (old, old, old + 1, old + 1, now, now):
        os.utime(tmp_path, ns=(at, at))
        seen.append(lookout.changed(tmp_path))
    assert seen == [True, False, True, False, True, True]
    tmp_path.rmdir()
    assert not lookout.changed(tmp_path)
    tmp_path.mkdir()
    assert lookout.changed(tmp_path)


def test_a_server_that_was_told_more_than_is_journaled_goes_on_from_there() -> None:
    said = Said()
    for line in "abc":
        said.tell(line)
    assert said.after(2) == ["c"]
    assert said.after(3) == []
    assert said.after(9) == []
