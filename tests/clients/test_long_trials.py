"""Trials longer than a client waits: the result arrives, and nothing is run twice."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.bench import Bench, Sit
from tests.clients.seats import CLAUDE, CODE_MODE, PRAGMA, Seat, cell
from tests.clients.stub import Use
from tests.projects import PROGRAM
from tests.server.nights import commit_program

pytestmark = pytest.mark.clients

YIELD_SECONDS = 30  # after so long a cell of Codex hands back to its model, unless the pragma says otherwise
CUT_SECONDS = 10
PATIENCE = 280.0


def _long(project: Path) -> None:
    commit_program(project, PROGRAM.replace("timeout: 20s", "timeout: 250s"))


def _trial(seconds: int) -> dict[str, Any]:
    return {"description": "slow", "content": f"sleep {seconds}; echo loss: 2\n"}


def _kept_once(bench: Bench) -> None:
    answer = bench.answers[-1]
    assert (answer["trial"], answer["decision"], answer["metrics"]) == (1, "keep", {"loss": 2})
    assert sorted(bench.state.trials) == [0, 1]


@pytest.mark.timeout(300)
def test_a_model_in_code_mode_reads_our_pragma_with_the_tool_and_with_it_never_polls(sit: Sit) -> None:
    """A trial longer than a cell's patience costs one request, as a quick one does."""
    look = Use("exec", 'text(ALL_TOOLS.find(tool => tool.name === "mcp__referee__run_trial").description)', "functions")
    bench = sit(CODE_MODE, [look, CODE_MODE.call("run_trial", **_trial(YIELD_SECONDS + 5))])
    _long(bench.project)
    assert bench.client().wait(PATIENCE) == 0
    described, result = bench.stub.log.shown
    assert PRAGMA.strip() in described.text
    received = CODE_MODE.received(result)
    assert isinstance(received, dict)
    assert received["decision"] == "keep"
    assert len(bench.stub.log.requests) == len(("look", "trial", "end"))


@pytest.mark.timeout(300)
def test_a_model_in_code_mode_without_the_pragma_polls_and_gets_the_result_all_the_same(sit: Sit) -> None:
    bench = sit(CODE_MODE, [cell("run_trial", _trial(YIELD_SECONDS + 5), pragma="")])
    _long(bench.project)
    assert bench.client().wait(PATIENCE) == 0
    assert len(bench.stub.log.requests) > len(("trial", "end"))
    _kept_once(bench)


@pytest.mark.timeout(300)
def test_a_call_that_its_client_cuts_is_made_again_and_waits_for_the_same_trial(
    sit: Sit, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a trial of ten minutes meets the 300 seconds of Codex, at a tenth and less of both."""
    slow = seat.call("run_trial", **_trial(CUT_SECONDS * 5 // 2))
    bench = sit(seat, [seat.call("run_eval", description="baseline"), slow, slow, slow])
    _long(bench.project)
    monkeypatch.setenv("MCP_TOOL_TIMEOUT", str(CUT_SECONDS * 1000))
    limit = ["-c", f"mcp_servers.referee.tool_timeout_sec={CUT_SECONDS}"] if seat.client == "codex" else []
    assert bench.plain(*limit).wait(PATIENCE) == 0
    cut = f"timed out {'after' if seat is CLAUDE else 'awaiting tools/call after'} {CUT_SECONDS}s"
    assert [cut in str(answer) for answer in bench.answers] == [False, True, True, False]
    _kept_once(bench)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_trial_of_more_than_two_hundred_seconds_survives_the_limits_that_a_client_has_by_itself(
    sit: Sit, seat: Seat
) -> None:
    wait = seat.call("run_eval", description="wait")
    bench = sit(seat, [seat.call("run_trial", **_trial(210)), wait, wait])
    _long(bench.project)
    assert bench.plain().wait(PATIENCE) == 0
    assert [one["status"] for one in bench.answers if isinstance(one, dict)] == ["running", "running", "decided"]
    _kept_once(bench)
