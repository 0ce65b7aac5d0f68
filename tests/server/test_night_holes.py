"""What once kept a night busy for nothing, ended it, or had it take another client's work for its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.server.clients.base import Launch, Server
from referee.server.clients.claude import Claude
from referee.server.clients.codex import Codex
from referee.server.clients.command import Command
from referee.server.overnight import record, runs
from referee.server.overnight.follow import Follower
from referee.session import journal
from referee.session.errors import JournalError
from referee.session.fold import fold

from tests.finished import Finished
from tests.projects import git
from tests.server.nights import Night, wait_for

Begin = Callable[..., Night]
Connect = Callable[..., AbstractAsyncContextManager[Any]]


def _texts(events: list[dict[str, Any]]) -> list[str]:
    return [event.get("text", "") for event in events]


# --- what counts as progress -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_baseline_that_always_fails_is_tried_after_longer_and_longer_waits_and_given_up(begin: Begin) -> None:
    night = begin([[{"trials": 1}]])
    (night.project / "run.sh").write_text("echo no dataset; exit 1\n")
    git(night.project, "commit", "-qam", "broken")
    code, events = night.events(first=0.01, failures=3)
    assert (code, events[-1]["reason"]) == (1, "gave up: 3 runs in a row made no trial")
    assert [event["wait"] for event in events if "wait" in event] == [0.01, 0.02]
    assert sum(text.startswith("the baseline failed") for text in _texts(events)) == 3


@pytest.mark.slow
def test_a_client_that_is_only_refused_or_only_reads_does_nothing(begin: Begin) -> None:
    """It is ended by its idleness though something is journaled all the time."""
    busy = [{"call": "keep"}, {"call": "read_results"}] * 5000
    night = begin([[{"trials": 1}, *busy], [{"trials": 1}]], max_experiments=2)
    code, events = night.events("--idle-minutes", "0.05", failures=100)
    assert code == 0
    assert any("nothing happened for" in text for text in _texts(events))
    assert len(night.log) < len(busy)


# --- another client --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.anyio
async def test_while_another_client_works_none_is_started_and_its_trials_are_not_the_nights(
    begin: Begin, connect_stdio: Connect, tmp_path: Path
) -> None:
    refused = [{"wait": str(tmp_path / "go")}, {"trials": 1}]
    night = begin([refused, [{"trials": 1}]], max_experiments=4)
    process = night.start("--json", first=0.01)
    await anyio.to_thread.run_sync(lambda: wait_for(lambda: night.runs, "no client"))
    assert process.stdout is not None
    events: list[dict[str, Any]] = []
    async with connect_stdio(night.project) as other:
        for n in range(2):
            await other("run_trial", description="another's", content=f"echo loss: 2\n# {n}\n")
        (tmp_path / "go").touch()
        while not events or "is held by pid" not in events[-1].get("text", ""):
            events.append(json.loads(await anyio.to_thread.run_sync(process.stdout.readline)))
        await other("run_trial", description="another's", content="echo loss: 2\n# 3\n")
        assert len(night.runs) == 1
    (ended,) = [event for event in events if "status" in event]
    assert ended["trials"] == 0
    assert any("wait" in event for event in events)
    out, _ = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=60))
    assert process.returncode == 0
    assert not any("is held by pid" in text for text in _texts([json.loads(line) for line in out.splitlines()]))
    assert len(night.runs) == 2


def test_the_nights_own_server_is_no_other(begin: Begin) -> None:
    night = begin([[{"trials": 1}]], max_experiments=1)
    code, events = night.events()
    assert code == 0
    assert [event["trials"] for event in events if "status" in event] == [1]


# --- limits that are none --------------------------------------------------------------------------------------------


def test_what_an_agent_says_names_no_time_and_delays_nothing(begin: Begin) -> None:
    said = {"say": "usage limit reached, resets in 5 hours"}
    noted = {"complain": "note: lr resets at Nov 25, 2026 10:30; line 429, try again in 3 hours"}
    night = begin([[{"trials": 1}, said, noted, {"exit": 1}], [{"trials": 1}]], max_experiments=2)
    code, events = night.events(first=0.01)
    assert code == 0
    assert [(event["wait"], event["named"]) for event in events if "wait" in event] == [(0.01, False)]


LIMIT = "rate limit: try again in 3 hours"


def test_the_complaints_of_a_client_are_its_own_events_and_standard_error_only_where_there_are_none() -> None:
    talk = {"type": "assistant", "message": {"content": [{"type": "text", "text": LIMIT}]}}
    item = {"type": "item.completed", "item": {"type": "agent_message", "text": LIMIT}}
    assert Claude().told([json.dumps(talk)], LIMIT).complaints == ()
    assert Codex().told([json.dumps(item)], LIMIT).complaints == ()
    assert Claude().told([], LIMIT).complaints == Codex().told(["no event"], LIMIT).complaints == (LIMIT,)
    assert Command(("sh",)).told([LIMIT], "").complaints == ()
    assert Command(("sh",)).told([], LIMIT).complaints == (LIMIT,)


def test_letters_that_only_look_like_a_unit_do_not_end_the_night(begin: Begin) -> None:
    odd = {"complain": "rate limit: try again in 5 \u017f"}
    night = begin([[{"trials": 1}, odd, {"exit": 1}], [{"trials": 1}]], max_experiments=2)
    code, events = night.events(most=0.02)
    assert (code, events[-1]["reason"]) == (0, "2 of 2 experiments")


# --- faults ----------------------------------------------------------------------------------------------------------

BROKEN = """
import sys
from referee.server.cli import main
from referee.server.clients.command import Command
from referee.server.commands import clients

class Broken(Command):
    def told(self, output, errors):
        raise KeyError("nobody foresaw this")

clients.chosen = lambda name, words: Broken(tuple(words))
sys.exit(main(sys.argv[1:]))
"""


def test_after_a_fault_that_nobody_foresaw_the_end_is_told_all_the_same(begin: Begin, tmp_path: Path) -> None:
    night = begin([[{"trials": 1}]])
    told = tmp_path / "told"
    words = [sys.executable, "-c", BROKEN, "overnight", *night.words("--on-end", f"tee {told}")[2:]]
    env = os.environ | {"TMPDIR": str(tmp_path)}  # the details of the fault are left there
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert "an unexpected fault (KeyError)" in done.stderr
    assert "ended        an unexpected fault of Referee itself" in done.stdout
    end = json.loads(told.read_text())
    assert (end["event"], end["exit"], end["trials"]) == ("end", 3, 1)
    night.nothing_lives()


def test_a_run_that_is_over_may_be_ended_again(tmp_path: Path) -> None:
    launch = Launch(tmp_path, "mar8", tmp_path, Server(("true",), {}))
    run = runs.start(Command(("true",)), launch, "", 1.0)
    run.wait()
    run.end()
    run.wait()
    assert (run.over, run.status) == (True, 0)


def test_after_a_line_that_a_full_disk_refused_nothing_is_told_twice(
    done: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(done.journal)
    before = follower.news()
    writer = journal.Journal(done.journal)
    told: list[journal.Record] = []

    def refuse(_: int) -> None:
        told.extend(follower.news())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fdatasync", refuse)
        with pytest.raises(JournalError, match="No space left"):
            writer.append("interference", {"what": "taken back"}, sync=True)
    writer.append("interference", {"what": "written " * 99}, sync=True)
    writer.append("interference", {"what": "and more"}, sync=True)
    writer.close()
    assert [one.data["what"] for one in told] == ["taken back"]
    again = follower.news()
    assert [one.seq for one in again] == [len(before) + 1, len(before) + 2]
    assert [one.data["what"][:8] for one in again] == ["written ", "and more"]
    assert follower.state == fold(journal.load(done.journal).records)


def test_trials_are_counted_and_a_baseline_once_it_is_measured(done: Finished) -> None:
    records = list(journal.load(done.journal).records)
    first = next(n for n, one in enumerate(records) if one.kind == "trial_measured")
    assert record.began(records[:first]) == 0
    assert record.began(records[: first + 1]) == 1
    assert record.began(records) == 6
    assert not record.progress([one for one in records if one.kind in {"call", "refused", "opened"}])
    assert record.progress(records)
