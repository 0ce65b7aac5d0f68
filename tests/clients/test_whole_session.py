"""A whole session with the real client: what the model received, and what was written of it."""

import pytest

from tests.clients.bench import PATIENCE, Bench, Sit
from tests.clients.seats import CLAUDE, CODE_MODE, Seat
from tests.projects import git
from tests.server.nights import commit_program, limited
from tests.sessions import rows

pytestmark = pytest.mark.clients

READING = ["read_program"]  # calls that change nothing are not journaled


def played(sit: Sit, seat: Seat) -> Bench:
    """A session of four trials, played to its end: kept, not kept, step by step, kept."""
    script = [
        seat.call("read_program"),
        seat.call("run_trial", description="better", content="echo loss: 2\n"),
        seat.call("run_trial", description="worse", content="echo loss: 9\n"),
        seat.call("edit_target", content="echo loss: 8\n"),
        seat.call("run_eval", description="step by step"),
        seat.call("keep"),
        seat.call("revert", to="best"),
        seat.call("append_result", lesson="eight is worse"),
        seat.call("run_trial", description="best", content="echo loss: 1\n"),
        seat.call("run_trial", description="one too many", content="echo loss: 0\n"),
    ]
    bench = sit(seat, script)
    commit_program(bench.project, limited(max_experiments=4))
    end = bench.overnight()
    assert (end["reason"], end["runs"], end["trials"], end["kept"]) == ("4 of 4 experiments", 1, 4, 2)
    return bench


def test_a_session_is_played_to_its_end_and_written_to_journal_results_and_branch(sit: Sit, seat: Seat) -> None:
    bench = played(sit, seat)
    read, better, worse, edited, measured, refused, reverted, row, best, over = bench.answers
    assert "You may edit one file: run.sh" in read["text"]
    assert (better["decision"], worse["decision"], best["decision"]) == ("keep", "discard", "keep")
    assert "+echo loss: 8" in edited["diff"]
    assert (measured["status"], measured["verdict"], measured["metrics"]) == ("measured", "worse", {"loss": 8})
    assert refused == "ERROR keep: trial 3 may not be kept (worse): loss 8, best 2, needs < 2. Call revert."
    assert (reverted["decision"], row["decision"]) == ("discard", "discard")
    assert [answer["continue"] for answer in (read, better, worse, row, best)] == [True, True, True, True, False]
    assert over.startswith("ERROR run_trial: the budget is used up (4 of 4 experiments).")
    decisions = {number: trial.decision for number, trial in bench.state.trials.items()}
    assert decisions == {0: "keep", 1: "keep", 2: "discard", 3: "discard", 4: "keep"}
    assert [line[-2] for line in rows(bench.project)[1:]] == ["keep", "keep", "discard", "discard", "keep"]
    assert [line[-1] for line in rows(bench.project)[2:]] == ["better", "worse", "step by step", "best"]
    branch = f"referee/{bench.state.opened.tag}"
    assert git(bench.project, "log", "--format=%s", branch).splitlines()[:2] == ["best", "better"]
    assert git(bench.project, "show", f"{branch}:run.sh") == "echo loss: 1"
    bench.nothing_lives()


def test_the_ids_that_the_client_gives_its_calls_are_in_the_journal(sit: Sit, seat: Seat) -> None:
    bench = played(sit, seat)
    made = [shown.call for shown in bench.stub.log.shown]
    noted = [ids["claudecode/toolUseId" if seat is CLAUDE else "callId"] for ids in bench.ids]
    if seat is CODE_MODE:  # the model's id is that of a cell; a call within it gets one of Codex's own
        assert len(set(noted)) == len(made) - len(READING)
    else:
        assert noted == made[len(READING) :]


def test_claude_shows_its_model_a_refusal_as_an_error_with_its_reason(sit: Sit) -> None:
    bench = sit(CLAUDE, [CLAUDE.call("keep"), CLAUDE.call("run_trial", description=1)])
    assert bench.client().wait(PATIENCE) == 0
    early, mistaken = bench.stub.log.shown
    assert (early.text, early.error) == ("ERROR keep: the draft has not been measured. Call run_eval.", True)
    assert mistaken.text.startswith("ERROR run_trial: argument 'description': found 1, expected: ")
    assert mistaken.error
