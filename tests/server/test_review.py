"""What an agent could do to its own server with tool calls alone: exhaust it, wedge it, or be told something false."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import from_thread
from referee.sandbox.errors import SandboxError
from referee.sandbox.launch import Launcher
from referee.session import journal, trials
from referee.session.errors import JournalError, RefusedError, RepositoryError
from referee.session.git import Git
from referee.session.loop import Call, Loop
from referee.session.places import find_checkout
from referee.session.rows import Words
from referee.session.session import Change, Session

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]
BETTER = "echo loss: 2\n# a comment\n"
WORSE = "echo loss: 4\n# a comment\n"
HUGE = 1_000_000
PROGRAM = """\
---
target: run.sh
evaluate: {command: sh run.sh, timeout: 20s}
metrics: {loss: minimize}
%s
---
"""


def records(project: Path) -> list[journal.Record]:
    """The journal of the project's one session."""
    (pointer,) = find_checkout(project).pointers().iterdir()
    return list(journal.load(Path(pointer.read_text(encoding="utf-8").strip()) / "journal.jsonl").records)


def rows(project: Path) -> list[str]:
    """The descriptions in the results file."""
    return [line.split("\t")[-1] for line in (project / "results.tsv").read_text(encoding="utf-8").splitlines()[1:]]


async def until_over(agent: Any, trial: int) -> None:
    """Wait until the log of decisions holds that trial, without attaching to it."""
    with anyio.fail_after(30):
        while all(row["trial"] != str(trial) for row in (await agent("read_results"))["rows"]):
            await anyio.lowlevel.checkpoint()


# --- exhausting the server -------------------------------------------------------------------------------------------


async def test_costs_that_add_up_to_infinity_are_refused_and_the_session_lives(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        said = await agent.refused("append_result", cost_usd=1.7e308)
        answer = await agent("run_trial", description="better", content=BETTER, cost_usd=0.5)
    assert "at most" in said
    assert answer["budget"]["cost_usd_spent"] == 0.5


async def test_a_crash_that_prints_one_endless_line_is_told_in_bounded_text_and_time(
    connect: Any, project: Path
) -> None:
    """Of fence characters, which the fence around it must outgrow."""
    text = "head -c 900000 /dev/zero | tr '\\0' '~'; exit 1\n"
    async with connect(project) as agent:
        with anyio.fail_after(30):
            answer = await agent("run_trial", description="flood", content=text)
    assert answer["decision"] == "crash"
    assert len(answer["text"]) < 100_000


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read_target", {"revision": "9" * 5000}),
        ("read_target", {"revision": "x" * HUGE}),
        ("revert", {"to": "9" * HUGE}),
        ("read_file", {"path": "x" * HUGE}),
        ("keep", {"x" * HUGE: 1}),
        ("keep", {f"argument{n}": n for n in range(5000)}),
        ("edit_target", {"edits": [{"old": "x"}] * 3000}),
        ("read_file", {"path": "\ud800"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_huge_arguments_are_refused_in_few_words_and_fill_no_journal(
    connect: Any, project: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        with anyio.fail_after(20):
            said = await agent.refused(tool, **arguments)
    assert len(said) < 3000
    assert "unexpected fault" not in said
    assert all(len(str(record.data)) < 5000 for record in records(project)[-3:])


async def test_numbers_that_the_contract_does_not_name_are_not_repeated_in_every_reply(
    connect: Any, make_project: MakeProject
) -> None:
    project = make_project({"run.sh": "echo loss: 3; echo aside: 7\n"})
    async with connect(project) as agent:
        answer = await agent("run_eval", description="baseline")
    assert answer["best"]["metrics"] == {"loss": 3.0}


# --- no way out ------------------------------------------------------------------------------------------------------


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
    assert rows(project) == ["baseline", "interrupted: better", "better"]


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


# --- what is told ----------------------------------------------------------------------------------------------------


async def test_run_eval_delivers_the_discarded_trial_that_nobody_waited_for(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="worse", content=WORSE, wait_seconds=0)
        await until_over(agent, 1)
        answer = await agent("run_eval", description="what became of it")
        again = await agent("run_eval", description="nothing new")
    assert (answer["trial"], answer["decision"]) == (1, "discard")
    assert "Measured before as trial 0" in again["text"]


async def test_a_failing_baseline_that_nobody_waited_for_is_told_and_not_run_again(
    connect: Any, make_project: MakeProject
) -> None:
    project = make_project({"run.sh": "echo no number\n"})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline", wait_seconds=0)
        with anyio.fail_after(30):
            while not any(record.kind == "baseline_failed" for record in records(project)):
                await anyio.lowlevel.checkpoint()
        await agent("check_budget")
        said = await agent.refused("run_eval", description="baseline")
    assert "the baseline failed" in said
    assert [record.kind for record in records(project)].count("trial_started") == 1


async def test_a_draft_edited_since_is_measured_although_a_result_was_never_fetched(
    connect: Any, project: Path
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="worse", content=WORSE, wait_seconds=0)
        await until_over(agent, 1)
        await agent("edit_target", content=BETTER)
        answer = await agent("run_eval", description="better")
    assert (answer["trial"], answer["verdict"]) == (2, "improved")


async def test_the_next_call_of_a_reading_tool_is_one_that_is_possible(connect: Any, make_project: MakeProject) -> None:
    project = make_project({"program.md": PROGRAM % "budget: {max_experiments: 1}"})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("edit_target", content="sleep 1; echo loss: 1\n")
        await agent("run_eval", description="better", wait_seconds=0)
        running = await agent("check_budget")
        await agent("run_eval", description="better")
        pending = await agent("check_budget")
        await agent("keep")
        over = await agent("check_budget")
    assert running["next"] == "run_eval goes on waiting for trial 1."
    assert pending["next"] == "keep accepts trial 1; revert discards it."
    assert over["next"].startswith("Stop: ")


async def test_a_refused_revert_names_what_revert_takes(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        said = await agent.refused("revert", to="draft")
    assert "draft, best, baseline" not in said


async def test_a_page_past_the_end_is_refused(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        said = await agent.refused("read_target", start_line=99)
    assert "has 2 lines" in said


# --- the log ---------------------------------------------------------------------------------------------------------


async def test_a_run_trial_without_any_change_stands_in_the_journal(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent.refused("run_trial", description="nothing given")
    assert [record.data["tool"] for record in records(project) if record.kind == "refused"] == ["run_trial"]


async def test_a_forgotten_row_is_written_when_the_server_ends(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("edit_target", content=BETTER)
        await agent("run_eval", description="better")
        await agent("keep")
    assert rows(project) == ["baseline", "better"]


# --- calls in flight together ----------------------------------------------------------------------------------------


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


async def test_a_baseline_killed_before_its_decision_is_kept_at_the_next_start(
    connect: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = journal.Journal.append

    def dying(self: journal.Journal, kind: str, data: Any, *, sync: bool, lane: str = "main") -> journal.Record:
        if kind not in {"opened", "call", "trial_started", "trial_measured", "interference"}:
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
    assert rows(project) == ["baseline", "better"]
