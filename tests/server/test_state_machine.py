"""What may follow what in a session, through a real MCP client: baseline, draft, run, keep, revert, row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server.moves import BETTER, CRASH, WORSE, edit, measured
from tests.sessions import kinds, rows

pytestmark = pytest.mark.anyio


SIMPLER = "echo loss: 3\n"


async def test_the_first_run_measures_the_baseline_and_writes_its_row(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        answer = await agent("run_eval", description="nothing yet")
    assert (answer["trial"], answer["decision"], answer["metrics"]) == (0, "keep", {"loss": 3.0})
    assert rows(project)[1][1:] == ["3.000000", "0.0", "keep", "baseline"]


async def test_a_draft_edited_before_the_baseline_is_measured_right_after_it(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        answer = await measured(agent, BETTER)
    assert (answer["trial"], answer["verdict"]) == (1, "improved")
    assert answer["baseline"]["metrics"] == {"loss": 3.0}
    assert "Trial 0" in answer["text"]


async def test_a_crashing_baseline_leaves_no_trial_and_no_row_and_can_be_tried_again(
    connect: Any, make_project: Callable[..., Path]
) -> None:
    project = make_project({"run.sh": CRASH})
    async with connect(project) as agent:
        said = await agent.refused("run_eval", description="first")
        again = await agent.refused("run_eval", description="second")
        assert (await agent("read_results"))["rows"] == []
        budget = (await agent("check_budget"))["budget"]
    assert "before the crash" in said
    assert "a person must mend it" in said
    assert said == again
    assert budget["experiments_spent"] == 0
    assert kinds(project).count("baseline_failed") == 2


async def test_bytes_measured_before_return_their_record_uncharged(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        first = await measured(agent, WORSE)
        await agent("revert")
        again = await measured(agent, WORSE, "the same once more")
        best = await measured(agent, "echo loss: 3\n# a comment\n", "the best once more")
    assert "Measured before as trial 1" in again["text"]
    assert again["metrics"] == first["metrics"]
    assert again["budget"]["experiments_spent"] == 1
    assert "Measured before as trial 0" in best["text"]


@pytest.mark.promise("earned keep")
async def test_keep_compares_bytes_and_not_history(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await measured(agent, BETTER)
        await edit(agent, WORSE)
        said = await agent.refused("keep")
        await edit(agent, BETTER)
        kept = await agent("keep")
    assert "the draft is not what trial 1 measured" in said
    assert kept["decision"] == "keep"
    assert kept["best"]["trial"] == 1


async def test_a_next_run_is_refused_while_a_trial_waits_that_may_be_kept(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await measured(agent, BETTER)
        await edit(agent, WORSE)
        said = await agent.refused("run_eval", description="too early")
    assert "Call keep or revert first" in said


async def test_a_next_run_discards_a_trial_that_may_not_be_kept_and_writes_its_row(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await measured(agent, WORSE, "worse")
        await measured(agent, CRASH, "crashing")
        await measured(agent, BETTER, "better")
    assert [row[3:] for row in rows(project)[1:]] == [["keep", "baseline"], ["discard", "worse"], ["crash", "crashing"]]


async def test_revert_decides_a_waiting_trial_and_sets_the_draft(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await measured(agent, BETTER)
        reverted = await agent("revert")
        draft = await agent("read_target")
        back = await agent("revert", to="1")
        draft_again = await agent("read_target")
    assert (reverted["trial"], reverted["decision"]) == (1, "discard")
    assert "loss: 3" in draft["text"]
    assert "trial 1" in back["text"]
    assert "loss: 2" in draft_again["text"]


async def test_revert_with_nothing_to_do_succeeds_and_says_so(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        answer = await agent("revert")
    assert "already was the best" in answer["text"]


async def test_append_result_is_idempotent_and_never_rewrites(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await measured(agent, BETTER)
        await agent("keep")
        await agent("append_result", description="lower loss", lesson="lower is possible", cost_usd=0.5)
        again = await agent("append_result", description="lower loss", lesson="lower is possible", cost_usd=0.5)
        said = await agent.refused("append_result", description="something else")
        program = await agent("read_program")
    assert "says that already" in again["text"]
    assert again["budget"]["cost_usd_spent"] == 0.5
    assert "never rewritten" in said
    assert rows(project)[2][4] == "lower loss"
    assert "lower is possible" in program["text"]


async def test_the_text_given_before_the_run_is_the_subject_of_the_commit(
    connect: Any, project: Path, git: Callable[..., str]
) -> None:
    async with connect(project) as agent:
        await measured(agent, BETTER, "before the run")
        kept = await agent("keep")
        await agent("append_result", description="after the run")
    assert git(project, "log", "-1", "--format=%s", kept["best"]["commit"]) == "before the run"
    assert rows(project)[2][4] == "after the run"


async def test_run_trial_keeps_what_may_be_kept_and_reverts_the_rest(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        kept = await agent("run_trial", description="better", content=BETTER)
        worse = await agent("run_trial", description="worse", content=WORSE, lesson="do not")
        crash = await agent("run_trial", description="crash", content=CRASH)
        draft = await agent("read_target")
    assert [a["decision"] for a in (kept, worse, crash)] == ["keep", "discard", "crash"]
    assert "before the crash" in crash["text"]
    assert "loss: 2" in draft["text"]
    assert [row[3:] for row in rows(project)[2:]] == [["keep", "better"], ["discard", "worse"], ["crash", "crash"]]


async def test_a_native_edit_of_the_checkout_is_pointed_out_and_can_be_taken_over(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        (project / "run.sh").write_text(BETTER, encoding="utf-8")
        said = await agent.refused("run_eval", description="my native edit")
        await agent("edit_target", from_checkout=True)
        answer = await agent("run_eval", description="my native edit")
    assert "run.sh in the checkout differs from the draft and the draft is unchanged" in said
    assert answer["verdict"] == "improved"


async def test_line_endings_that_git_turned_in_the_checkout_are_no_edit(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        (project / "run.sh").write_bytes(b"echo loss: 3\r\n# a comment\r\n")
        answer = await agent("run_eval", description="nothing new")
    assert "Measured before as trial 0" in answer["text"]


@pytest.mark.promise("earned keep")
async def test_a_simpler_trial_that_is_equal_may_be_kept_and_a_worse_one_not(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        simpler = await measured(agent, SIMPLER)
        await agent("keep")
        worse = await measured(agent, WORSE)
        said = await agent.refused("keep")
    assert simpler["verdict"] == "simpler"
    assert worse["verdict"] == "worse"
    assert "loss 4, best 3, needs < 3" in said
    assert "Call revert" in said


async def test_run_trial_leaves_the_draft_alone_when_the_baseline_fails(
    connect: Any, make_project: Callable[..., Path]
) -> None:
    project = make_project({"run.sh": CRASH})
    async with connect(project) as agent:
        await agent.refused("run_trial", description="x", content=BETTER)
        draft = await agent("read_target")
    assert "exit 7" in draft["text"]


async def test_run_trial_is_refused_before_it_edits_while_a_trial_waits(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await measured(agent, BETTER)
        said = await agent.refused("run_trial", description="x", content=WORSE)
        kept = await agent("keep")
    assert "Call keep or revert first" in said
    assert kept["decision"] == "keep"
