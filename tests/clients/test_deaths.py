"""Killed in the middle of a trial, server or client: nothing survives, and the next one goes on from the journal."""

import os
import signal

import psutil
import pytest
from referee.session.verify import who_holds

from tests.clients.bench import PATIENCE, Bench, Sit
from tests.clients.seats import CLAUDE, Seat
from tests.clients.stub import Use
from tests.projects import git
from tests.server.nights import commit_program, limited, wait_for
from tests.sessions import home_of, running

pytestmark = pytest.mark.clients


def _endless(seat: Seat, token: str) -> list[Use]:
    content = f"setsid sleep {token} & sleep {token}\n"
    return [seat.call("run_trial", description="endless", content=content)]


def _token(number: int) -> str:
    return f"3000.{os.getpid()}{number}"


def _resumed(bench: Bench) -> None:
    """The killed trial is closed and counted, the next one is kept, and both have their rows."""
    first, second = bench.state.trials[1], bench.state.trials[2]
    assert (first.decision, first.interrupted) == ("crash", True)
    assert (second.decision, second.description) == ("keep", "better")
    assert sorted(bench.state.trials) == [0, 1, 2]
    assert git(bench.project, "show", f"referee/{bench.state.opened.tag}:run.sh") == "echo loss: 2"


def test_a_server_killed_in_a_trial_leaves_nothing_alive_and_the_session_goes_on(sit: Sit, seat: Seat) -> None:
    """Claude Code starts it again for the next call, Codex does not: there the night's next run goes on."""
    token = _token(1)
    better = seat.call("run_trial", description="better", content="echo loss: 2\n")
    bench = sit(seat, [*_endless(seat, token), better], [better])
    commit_program(bench.project, limited(max_experiments=2))
    night = bench.night()
    wait_for(lambda: running(f"sleep {token}"), "the trial does not run")
    server = int(who_holds(home_of(bench.project)))
    psutil.Process(server).kill()
    wait_for(lambda: not running(f"sleep {token}"), "the trial outlives its server")
    end = bench.end_of(night)
    assert (end["reason"], end["runs"]) == ("2 of 2 experiments", 1 if seat is CLAUDE else 2)
    _resumed(bench)
    lost = bench.stub.log.shown[0].text
    assert ("Connection closed" if seat is CLAUDE else "Transport closed") in lost


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_a_client_killed_in_a_trial_leaves_nothing_alive_and_the_session_goes_on(
    sit: Sit, seat: Seat, number: signal.Signals
) -> None:
    token = _token(2)
    bench = sit(seat, _endless(seat, token), [seat.call("run_trial", description="better", content="echo loss: 2\n")])
    commit_program(bench.project, limited(max_experiments=2))
    client = bench.client()
    wait_for(lambda: running(f"sleep {token}"), "the trial does not run")
    client.send_signal(number)
    client.wait(PATIENCE)
    bench.nothing_lives(f"sleep {token}")
    assert bench.overnight()["reason"] == "2 of 2 experiments"
    _resumed(bench)
