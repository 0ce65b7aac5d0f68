"""Every row of the session's state machine, through a real MCP client."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.session import journal
from referee.session.places import find_checkout

pytestmark = pytest.mark.anyio

BETTER = "echo loss: 2\n# a comment\n"
WORSE = "echo loss: 4\n# a comment\n"
SIMPLER = "echo loss: 3\n"
CRASH = "echo before the crash; exit 7\n"
HANGING = "echo started; touch started; sleep 60; echo loss: 1\n"
PROGRAM = """\
---
target: run.sh
evaluate: {command: sh run.sh, timeout: 20s}
metrics: {loss: minimize}
%s
---
"""


def session_home(project: Path) -> Path:
    pointers = find_checkout(project).pointers()
    return Path(next(pointers.iterdir()).read_text(encoding="utf-8").strip())


def kinds(project: Path) -> list[str]:
    return [record.kind for record in journal.load(session_home(project) / "journal.jsonl").records]


def rows(project: Path) -> list[list[str]]:
    text = (project / "results.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]


async def edit(agent: Any, content: str) -> dict[str, Any]:
    answer: dict[str, Any] = await agent("edit_target", content=content)
    return answer


async def measured(agent: Any, content: str, description: str = "an idea") -> dict[str, Any]:
    await edit(agent, content)
    answer: dict[str, Any] = await agent("run_eval", description=description)
    return answer


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


async def test_a_run_that_outlasts_its_wait_goes_on_and_the_same_call_attaches(connect: Any, project: Path) -> None:
    waiting = "sleep 0.4; echo loss: 1\n"
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        first = await agent("run_trial", description="slow", content=waiting, wait_seconds=0)
        other = await agent.refused("run_trial", description="another", content=BETTER)
        attached = await agent("run_trial", description="slow", content=waiting, wait_seconds=30)
    assert first["status"] == "running"
    assert "is running" in other or "has been running" in other
    assert (attached["decision"], attached["metrics"]) == ("keep", {"loss": 1.0})
    assert rows(project)[2][3:] == ["keep", "slow"]
    assert kinds(project).count("trial_started") == 2


async def test_run_eval_attaches_to_a_running_trial_and_delivers_its_decision(connect: Any, project: Path) -> None:
    slow = "sleep 0.5; echo loss: 1\n"
    async with connect(project) as agent:
        await agent("run_trial", description="slow", content=slow, wait_seconds=0)
        answer = await agent("run_eval", description="whatever")
    assert (answer["trial"], answer["decision"]) == (1, "keep")


async def test_a_result_that_nobody_waited_for_is_delivered_later(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await edit(agent, BETTER)
        await agent("run_eval", description="better", wait_seconds=0)
        with anyio.fail_after(20):
            while (answer := await agent("run_eval", description="better", wait_seconds=0))["status"] == "running":
                pass
    assert (answer["trial"], answer["verdict"]) == (1, "improved")


async def test_a_cancelled_call_detaches_and_the_trial_goes_on(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await edit(agent, "sleep 0.6; echo loss: 1\n")
        with anyio.move_on_after(0.2):
            await agent("run_eval", description="slow")
        answer = await agent("run_eval", description="slow")
    assert (answer["trial"], answer["verdict"]) == (1, "improved")
    assert kinds(project).count("trial_started") == 2


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("edit_target", {"content": BETTER}),
        ("keep", {}),
        ("revert", {}),
        ("append_result", {}),
        ("run_trial", {"description": "x", "content": BETTER}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_running_trial_refuses_what_would_disturb_it(
    connect: Any, project: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await edit(agent, HANGING)
        await agent("run_eval", description="hanging", wait_seconds=0)
        said = await agent.refused(tool, **arguments)
        assert (await agent("check_budget"))["continue"] is True
    assert "trial 1 ('hanging') has been running for" in said
    assert "Call run_eval to wait for it" in said


@pytest.mark.promise("nothing lost")
async def test_a_server_that_ends_in_a_trial_closes_it_as_interrupted_and_it_may_run_again(
    connect: Any, project: Path
) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await edit(agent, "sleep 60; echo loss: 1\n")
        await agent("run_eval", description="long", wait_seconds=0)
    assert rows(project)[2][1:] == ["0.000000", "0.0", "crash", "interrupted: long"]
    async with connect(project) as agent:
        budget = (await agent("check_budget"))["budget"]
        again = await agent("run_eval", description="long again", wait_seconds=0)
    assert budget["experiments_spent"] == 1
    assert budget["crashes_in_a_row_left"] == 10
    assert (again["trial"], again["status"]) == (2, "running")


@pytest.mark.promise("hard budget")
async def test_a_used_up_budget_refuses_edits_and_runs_and_lets_the_rest_finish(
    connect: Any, make_project: Callable[..., Path]
) -> None:
    project = make_project({"program.md": PROGRAM % "budget: {max_experiments: 1}"})
    async with connect(project) as agent:
        last = await measured(agent, BETTER)
        edit_said = await agent.refused("edit_target", content=WORSE)
        kept = await agent("keep")
        appended = await agent("append_result", lesson="enough")
        run_said = await agent.refused("run_trial", description="more", content=WORSE)
        read = await agent("read_target")
    assert last["continue"] is False
    assert "1 of 1 experiments" in edit_said
    assert "1 of 1 experiments" in run_said
    assert kept["decision"] == "keep"
    assert appended["continue"] is False
    assert appended["next"].startswith("Stop")
    assert "loss: 2" in read["text"]


async def test_a_native_edit_of_the_checkout_is_pointed_out_and_can_be_taken_over(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        (project / "run.sh").write_text(BETTER, encoding="utf-8")
        said = await agent.refused("run_eval", description="my native edit")
        await agent("edit_target", from_checkout=True)
        answer = await agent("run_eval", description="my native edit")
    assert "run.sh in the checkout differs from the draft and the draft is unchanged" in said
    assert answer["verdict"] == "improved"


@pytest.mark.promise("earned keep")
async def test_line_endings_that_git_turned_in_the_checkout_are_no_edit(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        (project / "run.sh").write_bytes(b"echo loss: 3\r\n# a comment\r\n")
        answer = await agent("run_eval", description="nothing new")
    assert "Measured before as trial 0" in answer["text"]


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


@pytest.mark.promise("hard budget")
async def test_crashes_in_a_row_end_the_session(connect: Any, make_project: Callable[..., Path]) -> None:
    project = make_project({"program.md": PROGRAM % "budget: {max_consecutive_crashes: 2}"})
    async with connect(project) as agent:
        await agent("run_trial", description="one", content="exit 1\n")
        last = await agent("run_trial", description="two", content="exit 2\n")
        said = await agent.refused("run_trial", description="three", content=BETTER)
    assert last["continue"] is False
    assert "2 crashes in a row" in said


async def test_a_negative_cost_is_refused(connect: Any, project: Path) -> None:
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        said = await agent.refused("append_result", cost_usd=-1.0)
    assert "expected dollars, 0 or more" in said


@pytest.mark.promise("hard budget")
async def test_dollars_end_the_session_when_the_first_report_reaches_the_limit(
    connect: Any, make_project: Callable[..., Path]
) -> None:
    project = make_project({"program.md": PROGRAM % "budget: {max_cost_usd: 1.5}"})
    async with connect(project) as agent:
        await agent("run_trial", description="cheap", content=WORSE, cost_usd=0.5)
        last = await agent("run_trial", description="dear", content=BETTER, cost_usd=1.0)
    assert last["continue"] is False
    assert "$1.50 of $1.5" in last["budget"]["reason"]


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
