"""Whatever fails between two records of a trial, the next call goes on."""

from pathlib import Path
from typing import Any

import pytest
from referee.sandbox.errors import SandboxError
from referee.sandbox.launch import Launcher
from referee.session import journal, protections, trials
from referee.session.errors import JournalError, RefusedError, RepositoryError
from referee.session.git import Git

from tests.server.moves import BETTER
from tests.sessions import descriptions, records

pytestmark = pytest.mark.anyio


async def test_a_trial_that_failed_between_its_record_and_its_start_does_not_run_for_ever(
    connect: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_refs = Git.set_refs

    def failing(self: Git, wanted: Any) -> None:
        if any(name.endswith("/draft") for name in wanted):
            raise RepositoryError("git update-ref failed: the lock exists")
        set_refs(self, wanted)

    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        with monkeypatch.context() as patched:
            patched.setattr(Git, "set_refs", failing)
            said = await agent.refused("run_trial", description="better", content=BETTER)
        answer = await agent("run_trial", description="better", content=BETTER)
    assert "the lock exists" in said
    assert (answer["trial"], answer["decision"]) == (2, "keep")
    assert descriptions(project) == ["baseline", "interrupted: better", "better"]


async def test_a_trial_that_cannot_even_be_closed_neither_ends_the_server_nor_blocks_it(
    connect: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = journal.Journal.append

    def full(self: journal.Journal, kind: str, data: Any, *, sync: bool, lane: str = "main") -> journal.Record:
        if kind in {"trial_measured", "trial_interrupted"}:
            raise JournalError("cannot be written (No space left on device)")
        return append(self, kind, data, sync=sync, lane=lane)

    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        with monkeypatch.context() as patched:
            patched.setattr(journal.Journal, "append", full)
            said = await agent.refused("run_trial", description="better", content=BETTER)
        answer = await agent("run_trial", description="better", content=BETTER)
    assert "No space left" in said
    assert (answer["trial"], answer["decision"]) == (2, "keep")


async def test_run_trial_with_edits_can_be_called_again_after_the_sandbox_failed(
    connect: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any) -> Any:
        raise SandboxError("the supervisor has died")

    edits = [{"old_text": "loss: 3", "new_text": "loss: 2"}]
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        with monkeypatch.context() as patched:
            patched.setattr(Launcher, "measure", failing)
            await agent.refused("run_trial", description="better", edits=edits)
        answer = await agent("run_trial", description="better", edits=edits)
    assert answer["decision"] == "keep"


async def test_a_measured_baseline_is_told_although_the_trial_behind_it_was_refused(
    connect: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as by a budget that the baseline has used up."""

    def refuse(*_: Any) -> None:
        raise RefusedError("the budget is used up")

    async with connect(project) as agent:
        monkeypatch.setattr(trials, "begin", refuse)
        answer = await agent("run_trial", description="better", content=BETTER)
        draft = await agent("read_target")
    assert (answer["trial"], answer["decision"]) == (0, "keep")
    assert "The draft was not measured: the budget is used up" in answer["text"]
    assert "loss: 3" in draft["text"]


async def test_a_baseline_killed_before_its_decision_is_kept_at_the_next_start(
    connect: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = journal.Journal.append

    def dying(self: journal.Journal, kind: str, data: Any, *, sync: bool, lane: str = "main") -> journal.Record:
        if kind not in {"opened", protections.KIND, "call", "trial_started", "trial_measured", "interference"}:
            raise JournalError("dead")
        return append(self, kind, data, sync=sync, lane=lane)

    async with connect(project) as agent:
        with monkeypatch.context() as patched:
            patched.setattr(journal.Journal, "append", dying)
            await agent.refused("run_eval", description="baseline")
    async with connect(project) as agent:
        await agent("revert")
        answer = await agent("run_trial", description="better", content=BETTER)
    assert (answer["trial"], answer["decision"]) == (1, "keep")
    assert descriptions(project) == ["baseline", "better"]
    assert [record.data["trial"] for record in records(project) if record.kind == "trial_started"] == [0, 1]
