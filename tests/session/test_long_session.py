"""A session of very many trials: what grows with them is bounded or looked at less often, and nothing is forgotten."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session import checkpoint, refs
from referee.session.fold import fold
from referee.session.journal import load

from tests.sessions import interference

pytestmark = pytest.mark.anyio
Git = Callable[..., str]

FEW, NOW_AND_THEN = 3, 4


@pytest.fixture(autouse=True)
def _long_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as a long session, so that one of a dozen trials is one."""
    monkeypatch.setattr(refs, "_FEW", FEW)
    monkeypatch.setattr(refs, "_NOW_AND_THEN", NOW_AND_THEN)
    monkeypatch.setattr(checkpoint, "EVERY", 4)


async def _trials(agent: Any, number: int, first: int) -> None:
    for offset in range(number):
        await agent("run_trial", description="worse", content=f"echo loss: {first + offset}\n")


async def test_refs_of_trials_that_were_moved_by_hand_are_put_right_within_so_many_trials(
    connect: Any, judged: Path, git: Git
) -> None:
    async with connect(judged, "mar8") as agent:
        await _trials(agent, FEW + 1, 100)
        main = git(judged, "rev-parse", "main")
        git(judged, "update-ref", "refs/referee/mar8/trials/1", main)
        git(judged, "update-ref", "refs/referee/mar8/trials/77", main)
        await _trials(agent, NOW_AND_THEN, 200)
    said = " ".join(interference(judged))
    assert "trials/1 was moved" in said
    assert "trials/77 was added by hand" in said
    assert git(judged, "rev-parse", "refs/referee/mar8/trials/1") != main


async def test_a_best_that_was_moved_by_hand_is_put_right_after_the_next_trial_however_many_there_are(
    connect: Any, judged: Path, git: Git
) -> None:
    async with connect(judged, "mar8") as agent:
        await _trials(agent, FEW + 2, 100)
        best = git(judged, "rev-parse", "refs/referee/mar8/best")
        git(judged, "update-ref", "refs/referee/mar8/best", "refs/referee/mar8/trials/2")
        await _trials(agent, 1, 200)
    assert git(judged, "rev-parse", "refs/referee/mar8/best") == best
    assert "mar8/best was moved" in " ".join(interference(judged))


async def test_a_ref_that_leaves_no_room_for_the_next_trial_is_removed_at_once(
    connect: Any, judged: Path, git: Git
) -> None:
    async with connect(judged, "mar8") as agent:
        await _trials(agent, FEW + 2, 100)
        git(judged, "update-ref", f"refs/referee/mar8/trials/{FEW + 3}/mine", "main")
        await _trials(agent, 1, 200)
    assert git(judged, "cat-file", "-t", f"refs/referee/mar8/trials/{FEW + 3}") == "commit"
    assert "was added by hand" in " ".join(interference(judged))


@pytest.mark.promise("nothing lost")
async def test_a_session_that_goes_on_from_its_checkpoint_has_every_row_and_every_ref(
    connect: Any, judged: Path, git: Git, home_of: Callable[[Path], Path]
) -> None:
    async with connect(judged, "mar8") as agent:
        await _trials(agent, 10, 100)
    home = home_of(judged)
    assert len(list(home.glob("checkpoint-*.json"))) == 1
    loaded, _ = checkpoint.load(home)
    assert len(loaded.records) < loaded.lines / 2
    async with connect(judged, "mar8") as agent:
        await _trials(agent, 1, 300)
        results = await agent("read_results", last=200)
    assert [int(row["trial"]) for row in results["rows"]] == list(range(12))
    assert len((judged / "results.tsv").read_text(encoding="utf-8").splitlines()) == 1 + 12
    assert len(git(judged, "for-each-ref", "refs/referee/mar8/trials").splitlines()) == 12
    whole = load(home / "journal.jsonl")
    assert whole.lines > loaded.lines
    assert checkpoint.load(home)[1] == fold(whole.records)
