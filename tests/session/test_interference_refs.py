"""Branches and refs that someone else moves while a trial runs are put right and told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.session.meanwhile import during_a_trial, finished
from tests.sessions import interference

pytestmark = pytest.mark.anyio


Git = Callable[..., str]


async def test_a_branch_and_refs_moved_by_hand_are_put_right_and_told(connect: Any, judged: Path, git: Git) -> None:
    async with during_a_trial(connect, judged) as agent:
        other = git(judged, "commit-tree", "-m", "not measured", "HEAD^{tree}", "-p", "HEAD")
        for ref in ("refs/heads/referee/mar8", "refs/referee/mar8/best", "refs/referee/mar8/trials/0"):
            git(judged, "update-ref", ref, other)
        git(judged, "update-ref", "-d", "refs/referee/mar8/base")
        git(judged, "update-ref", "refs/referee/mar8/trials/77", other)
        git(judged, "pack-refs", "--all")
        await finished(agent)
        kept = await agent("keep")
    said = " ".join(interference(judged))
    for ref in ("heads/referee/mar8 was moved", "mar8/best was moved", "trials/0 was moved", "mar8/base was deleted"):
        assert ref in said
    assert "trials/77 was added by hand" in said
    assert git(judged, "rev-parse", "referee/mar8").startswith(kept["best"]["commit"])
    assert git(
        judged, "rev-parse", "referee/mar8~1", "refs/referee/mar8/base", "refs/referee/mar8/trials/0"
    ).split() == ([git(judged, "rev-parse", "main")] * 3)
    assert "trials/77" not in git(judged, "for-each-ref")


@pytest.mark.promise("your work is yours")
async def test_a_branch_that_became_a_symbolic_ref_does_not_move_the_persons_branch(
    connect: Any, judged: Path, git: Git
) -> None:
    main = git(judged, "rev-parse", "main")
    async with during_a_trial(connect, judged) as agent:
        git(judged, "symbolic-ref", "refs/heads/referee/mar8", "refs/heads/main")
        git(judged, "symbolic-ref", "refs/referee/mar8/best", "refs/heads/main")
        await finished(agent)
        await agent("keep")
    assert git(judged, "rev-parse", "main") == main
    assert git(judged, "rev-parse", "referee/mar8~1") == main


@pytest.mark.parametrize(
    "blocker", ["refs/heads/referee", "refs/heads/referee/mar8/mine", "refs/referee/mar8", "refs/referee/mar8/best/x"]
)
async def test_a_ref_that_leaves_no_room_for_ours_stops_nothing(
    connect: Any, judged: Path, git: Git, blocker: str
) -> None:
    """A file where a folder must be, or the other way round; a person's branch is never removed for it."""
    async with during_a_trial(connect, judged) as agent:
        for ref in git(judged, "for-each-ref", "--format=%(refname)", "refs/heads/referee", "refs/referee").split():
            git(judged, "update-ref", "-d", ref)
        git(judged, "update-ref", blocker, "HEAD")
        await finished(agent)
        kept = await agent("keep")
    assert kept["decision"] == "keep"
    if blocker.startswith("refs/heads"):
        assert git(judged, "rev-parse", blocker) == git(judged, "rev-parse", "main")
        git(judged, "update-ref", "-d", blocker)
    async with connect(judged, "mar8") as agent:
        await agent("revert")
    assert git(judged, "rev-parse", "refs/referee/mar8/best") == git(judged, "rev-parse", "referee/mar8")
    assert git(judged, "rev-parse", "referee/mar8").startswith(kept["best"]["commit"])


async def test_a_branch_checked_out_meanwhile_lags_and_catches_up(connect: Any, judged: Path, git: Git) -> None:
    async with during_a_trial(connect, judged) as agent:
        git(judged, "checkout", "-q", "referee/mar8")
        await finished(agent)
        kept = await agent("keep")
        assert git(judged, "rev-parse", "referee/mar8") == git(judged, "rev-parse", "main")
        assert git(judged, "status", "--porcelain") == ""
        git(judged, "checkout", "-q", "main")
        await agent("run_trial", description="worse", content="echo loss: 9\n")
    assert git(judged, "rev-parse", "referee/mar8").startswith(kept["best"]["commit"])
