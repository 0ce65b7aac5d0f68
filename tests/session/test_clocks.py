"""Whatever becomes of the clock between two records, a session's seconds never go back, and no state depends on it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from referee.session.budget import Instant
from referee.session.fold import apply, fold
from referee.session.journal import Record
from referee.session.state import State

from tests.finished import Finished

_YEAR = 366 * 86400.0
MOMENTS = st.lists(
    st.builds(
        Instant,
        utc=st.floats(0, 100 * _YEAR),
        boot_id=st.sampled_from(["one", "two", "three"]),
        uptime=st.floats(0, 10 * _YEAR),
    ),
    min_size=1,
    max_size=12,
)


def _at(record: Record, moment: Instant) -> Record:
    time = datetime.fromtimestamp(moment.utc, UTC).isoformat(timespec="milliseconds")
    return replace(record, time=time, boot=moment.boot_id, uptime=moment.uptime)


def _plain(state: State) -> dict[str, Any]:
    """The state without its clock."""
    trials = {number: replace(trial, started=0.0) for number, trial in state.trials.items()}
    return {"draft": state.draft, "best": state.best, "running": state.running, "trials": trials, "usd": state.cost_usd}


def test_clocks_set_back_or_forward_never_take_seconds_away_nor_change_anything_else(done: Finished) -> None:
    records = [Record(**record) for record in done.records]
    expected = fold(records)
    assert expected is not None

    @given(MOMENTS)
    def any_clock(moments: list[Instant]) -> None:
        state: State | None = None
        seconds = 0.0
        for number, record in enumerate(records):
            state = apply(state, _at(record, moments[number % len(moments)]))
            assert state is not None
            assert state.elapsed >= seconds
            seconds = state.elapsed
            assert all(state.spent(later).seconds >= seconds for later in moments)
        assert state is not None
        assert _plain(state) == _plain(expected)
        assert state.spent(moments[-1]).experiments == 5

    any_clock()


def test_a_clock_set_back_for_an_hour_costs_no_second_and_one_set_forward_spends_none(done: Finished) -> None:
    """Within one boot the wall clock means nothing at all."""
    records = [Record(**record) for record in done.records]
    shifted = [
        replace(record, time=datetime.fromtimestamp(record.instant.utc + shift, UTC).isoformat(timespec="milliseconds"))
        for record, shift in zip(records, [0, -3600, 7200, -86400, 0.5] * len(records), strict=False)
    ]
    true, told = fold(records), fold(shifted)
    assert true is not None
    assert told is not None
    assert told.elapsed == true.elapsed
