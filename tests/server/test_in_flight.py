"""Calls that are in flight together: none comes between the steps of another."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import from_thread
from referee.sandbox.launch import Launcher
from referee.session import trials
from referee.session.loop import Call, Loop
from referee.session.opening import open_session
from referee.session.rows import Words
from referee.session.session import Change, Session

from tests.server.moves import WORSE

pytestmark = pytest.mark.anyio


async def test_no_call_comes_between_a_measurement_and_its_decision(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit that waits for its turn while a trial is judged is neither lost nor decided with it."""
    edited = "echo loss: 3\n# the next idea\n"
    finish = trials.finish

    def finish_with_a_call_waiting(session: Session, number: int, runs: Any, *, settle: bool = True) -> Any:
        if number == 1:
            from_thread.run_sync(tasks.start_soon, edit)
            for _ in range(10):
                from_thread.run(anyio.lowlevel.checkpoint)
        return finish(session, number, runs, settle=settle)

    async def edit() -> None:
        await loop.write(Call("edit_target"), lambda session: session.edit(Change(content=edited)))

    async with Loop(project) as loop:
        await loop.run(Call("run_eval"), "baseline", 60)
        monkeypatch.setattr(trials, "finish", finish_with_a_call_waiting)
        async with anyio.create_task_group() as tasks:
            await loop.run_trial(Call("run_trial"), Change(content=WORSE), Words("worse"), 60)
        _, view = await loop.read(Call("check_budget"), lambda view: view.check_budget())
        draft = view.text(view.target_blob("draft"))
    assert draft == edited


async def test_a_run_trial_cancelled_while_it_begins_leaves_either_a_trial_or_the_old_draft(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = Session.edit

    def cancelling(self: Session, *given: Any, **named: Any) -> Any:
        reply = edit(self, *given, **named)
        from_thread.run_sync(scope.cancel)
        return reply

    async with Loop(project) as loop:
        await loop.run(Call("run_eval"), "baseline", 60)
        monkeypatch.setattr(Session, "edit", cancelling)
        with anyio.CancelScope() as scope:
            await loop.run_trial(Call("run_trial"), Change(content=WORSE), Words("worse"), 60)
        _, view = await loop.read(Call("check_budget"), lambda view: view.check_budget())
        state = view.maybe_state
        assert state is not None
        assert state.running == 1


@pytest.mark.parametrize("known", [True, False], ids=["what confines trials is known", "it is not known yet"])
async def test_a_call_cancelled_while_it_opens_the_session_keeps_no_later_call_waiting(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,  # noqa: FBT001 - a parameter
) -> None:
    look = Launcher.look
    looked = anyio.Event()

    def opening_what_nobody_wants(*given: Any) -> Session:
        from_thread.run_sync(scope.cancel)
        return open_session(*given)

    async def looking(self: Launcher) -> Any:
        if not known:
            await looked.wait()
        return await look(self)

    monkeypatch.setattr("referee.session.access.open_session", opening_what_nobody_wants)
    monkeypatch.setattr(Launcher, "look", looking)
    async with Loop(project) as loop:
        with anyio.CancelScope() as scope:
            await loop.run(Call("run_eval"), "given up", 60)
        assert scope.cancelled_caught
        monkeypatch.setattr("referee.session.access.open_session", open_session)
        looked.set()
        with anyio.fail_after(60):
            reply, _ = await loop.run(Call("run_eval"), "baseline", 60)
    assert reply.facts["decision"] == "keep"
