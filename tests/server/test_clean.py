"""`referee clean` shows before it removes; nothing that an audit needs goes silently."""

import json
import os
import shutil
from pathlib import Path

import pytest
from referee.server.commands.clean import clean
from referee.session import logs
from referee.session.holder import Holder
from referee.session.places import state_root

from tests.finished import TAG, Finished
from tests.sessions import referee

OLD = 1_000_000


@pytest.fixture(name="littered")
def _littered(done: Finished) -> Finished:
    """A session with old logs, and with what a killed trial left."""
    for path in (done.home / "logs").iterdir():
        os.utime(path, (OLD, OLD))
    (done.home / "scratch" / "trial").mkdir(parents=True)
    (done.home / "scratch" / "trial" / "core").write_bytes(b"x" * 100_000)
    return done


def _there(done: Finished) -> dict[str, int]:
    files = (path for path in done.home.rglob("*") if path.is_file() and path.name != "holder")  # names who looked
    return {str(path): path.lstat().st_size for path in files}


@pytest.mark.promise("whole log")
def test_without_a_yes_everything_is_shown_and_nothing_removed(littered: Finished) -> None:
    before = _there(littered)
    result = referee("clean", "--repo", str(littered.repo))
    assert result.returncode == 0
    assert "what killed trials left" in result.stdout
    assert "referee clean --yes" in result.stdout
    assert _there(littered) == before


def test_with_a_yes_the_next_opening_finds_all_that_it_needs(littered: Finished) -> None:
    journal = littered.records
    result = referee("clean", "--repo", str(littered.repo), "--yes")
    assert result.returncode == 0, result.stderr
    assert "Removed 1" in result.stdout
    assert not (littered.home / "scratch").exists()
    assert not (littered.home / "snapshot").exists()
    assert littered.records[: len(journal)] == journal
    assert not littered.verified().findings
    assert referee("show", "1", "--repo", str(littered.repo)).returncode == 0


@pytest.mark.promise("whole log")
def test_old_logs_go_only_after_the_journal_says_so(littered: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_LAST", -1)
    assert clean(littered.repo, days=30, lost=False, yes=True, as_json=False) == 0
    last = littered.records[-1]
    assert (last["kind"], last["data"]) == ("rotated", {"before": 6, "files": 3, "bytes": last["data"]["bytes"]})
    assert sorted(path.name for path in (littered.home / "logs").iterdir()) == ["0.log", "1.log", "4.log"]
    assert "removed to make room" in referee("show", "2", "--repo", str(littered.repo)).stdout


def test_a_session_that_a_server_holds_is_left_alone(littered: Finished) -> None:
    before = _there(littered)
    with Holder(littered.home, TAG):
        result = referee("clean", "--repo", str(littered.repo), "--yes")
    assert result.returncode == 0
    assert f"left alone: session {TAG}" in result.stdout
    after = _there(littered)
    assert before.keys() - after.keys() == set()


def test_the_record_of_a_lost_repository_goes_with_lost_alone(littered: Finished, project: Path) -> None:
    assert referee("check", "--repo", str(project)).returncode == 0
    home = next(path for path in state_root().iterdir() if path.name.startswith("project-"))
    (home / "mar9").mkdir()
    shutil.copy(littered.journal, home / "mar9" / "journal.jsonl")
    shutil.rmtree(project)
    said = referee("clean", "--repo", str(littered.repo), "--yes").stdout
    assert "its repository is gone or was moved; the record of mar9 goes with it (--lost)" in said
    assert (home / "mar9" / "journal.jsonl").exists()
    assert referee("clean", "--repo", str(littered.repo), "--yes", "--lost").returncode == 0
    assert not home.exists()


def test_the_record_of_a_moved_repository_stays_while_a_server_holds_it(littered: Finished, project: Path) -> None:
    assert referee("check", "--repo", str(project)).returncode == 0
    home = next(path for path in state_root().iterdir() if path.name.startswith("project-"))
    (home / "mar9").mkdir()
    shutil.copy(littered.journal, home / "mar9" / "journal.jsonl")
    project.rename(project.with_name("moved"))
    with Holder(home / "mar9", "mar9"):
        referee("clean", "--repo", str(littered.repo), "--yes", "--lost")
    assert (home / "mar9" / "journal.jsonl").exists()


@pytest.mark.promise("nothing lost")
def test_what_an_undecided_trial_left_stays_and_what_a_decided_one_left_goes(littered: Finished) -> None:
    for number in (3, 6):
        (littered.home / "retaining" / str(number)).mkdir(parents=True)
        (littered.home / "retaining" / str(number) / "model.bin").write_bytes(b"weights")
    start = next(record for record in littered.records if record["kind"] == "trial_started" and record["data"]["trial"])
    littered.forge(lambda records: records.append({**start, "data": {**start["data"], "trial": 6}}))
    assert referee("clean", "--repo", str(littered.repo), "--yes").returncode == 0
    assert [path.name for path in (littered.home / "retaining").iterdir()] == ["6"]


def test_the_plan_as_json_removes_nothing(littered: Finished) -> None:
    before = _there(littered)
    facts = json.loads(referee("clean", "--repo", str(littered.repo), "--json").stdout)
    assert facts["removed"] is False
    assert facts["bytes"] >= 100_000
    assert facts["held"] == []
    assert _there(littered) == before


def test_nothing_to_remove_is_said(done: Finished) -> None:
    referee("clean", "--repo", str(done.repo), "--yes")
    assert referee("clean", "--repo", str(done.repo)).stdout == "Nothing to remove.\n"
