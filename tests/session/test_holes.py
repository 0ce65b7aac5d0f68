"""What a person's pause, a night that died and odd files in the state must not do to a session."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session import checkpoint
from referee.session.budget import Instant
from referee.session.fold import apply, fold
from referee.session.holder import night_lock
from referee.session.inbox import waiting
from referee.session.journal import Journal, Record, load

from tests.finished import TAG, Finished

BEFORE = 1.25  # dollars that the finished session has reported


def _record(kind: str, data: dict[str, Any], uptime: float) -> Record:
    return Record(1, "2026-11-21T00:00:00+00:00", "boot", uptime, "main", kind, data, "", "")


@pytest.mark.promise("hard budget")
def test_a_pause_in_which_the_server_died_counts_no_more_than_the_trial_may_take(done: Finished) -> None:
    state = fold(load(done.journal).records)
    assert state is not None
    state.last, start = Instant(0.0, "boot", 100.0), state.elapsed
    trial = {"trial": 6, "blob": "b", "tree": "t", "parent": "p", "description": "d", "limit": 20.0}
    apply(state, _record("trial_started", trial, 100.0))
    apply(state, _record("paused", {"message": "m1"}, 101.0))
    assert state.spent(Instant(0.0, "boot", 105.0)).seconds == pytest.approx(start + 5.0)
    assert state.spent(Instant(0.0, "boot", 90_000.0)).seconds == pytest.approx(start + 20.0)
    apply(state, _record("unpaused", {"message": "m2"}, 90_000.0))
    assert state.elapsed == pytest.approx(start + 20.0)
    assert state.spent(Instant(0.0, "boot", 90_001.0)).seconds == pytest.approx(start + 21.0)


def _lost_night(done: Finished) -> None:
    """A night whose client keeps an account was killed; the agent had reported ten dollars meanwhile."""
    journal = Journal(done.journal)
    journal.append(
        "client", {"event": "started", "client": "claude", "accounts": True, "usd": 0.0, "message": ""}, sync=True
    )
    journal.append("row", {"trial": 5, "cost_usd": 10.0}, sync=True)
    journal.close()


@pytest.mark.promise("hard budget")
def test_reports_count_again_once_the_night_that_accounted_for_them_is_gone(done: Finished, opened: Any) -> None:
    _lost_night(done)
    with opened(done.repo, TAG) as session:
        assert session.state.account.client == ""
        assert session.state.account.counted == {"reported": BEFORE + 10.0}


def test_reports_wait_for_the_account_of_a_night_that_goes_on(done: Finished, opened: Any) -> None:
    _lost_night(done)
    (done.home / "agent").mkdir()
    with night_lock(done.home), opened(done.repo, TAG) as session:
        assert session.state.account.client == "claude"
        assert session.state.account.counted == {"reported": BEFORE}


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("odd", [os.mkfifo, _endless, Path.mkdir])
def test_what_is_no_file_in_the_inbox_is_left_alone_and_stops_nobody(
    tmp_path: Path, odd: Callable[[Path], None]
) -> None:
    odd(tmp_path / "a.json")
    assert waiting(tmp_path) == []


def test_only_what_is_named_like_a_checkpoint_is_taken_for_one(done: Finished) -> None:
    for name in ("checkpoint-zzz.json", "checkpoint-1.json", "checkpoint-00000000000٣.json"):
        (done.home / name).write_text("{}", encoding="ascii")
    assert checkpoint.paths(done.home) == []
