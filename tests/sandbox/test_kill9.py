"""Twenty times each: whatever of Referee is killed with 9, nothing of its trial outlives it."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from . import hostile, witness
from .conftest import CONFINING, Lab
from .holder import Holder, holding
from .victims import LONG, ROUNDS, Trial, kill, related, settled, skip_twin, start, survivors
from .witness import Traces, gone, until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(600)]


@pytest.fixture
def room(lab: Lab) -> Iterator[Lab]:
    """A lab that a failed test leaves without a process and a file."""
    skip_twin(lab)
    yield lab
    witness.clean(lab.token)


SERVER_AND: dict[str, Callable[[Holder, Trial], tuple[int, ...]]] = {
    "server": lambda holder, _: (holder.pid,),
    "server, supervisor": lambda holder, trial: (holder.pid, trial.supervisor),
    "supervisor, server": lambda holder, trial: (trial.supervisor, holder.pid),
}


@pytest.mark.parametrize("victims", SERVER_AND)
def test_nothing_outlives_a_killed_server(room: Lab, victims: str) -> None:
    seen: list[Traces] = []
    for number in range(ROUNDS):
        with holding(room) as holder:
            trial = start(holder, number)
            seen.append(witness.traces(witness.below(holder.pid)))
            kill(*SERVER_AND[victims](holder, trial))
            gone(trial.survivors, seen[-1].left, lambda: related(room))
    settled(room, seen)


def test_nothing_outlives_a_killed_supervisor_and_the_next_trial_runs(room: Lab) -> None:
    seen: list[Traces] = []
    with holding(room) as holder:
        for number in range(ROUNDS):
            trial = start(holder, number)
            seen.append(witness.traces(witness.below(trial.supervisor)))
            kill(trial.supervisor)
            gone(trial.survivors, seen[-1].left)
            assert holder.answer()["outcome"] == "fault"
        assert holder.run(room.spec("print(1)")) == "ok"
    settled(room, seen)


def test_nothing_outlives_a_killed_trial_process_and_its_supervisor_stays(room: Lab) -> None:
    seen: list[Traces] = []
    supervisors: set[int] = set()
    with holding(room) as holder:
        for number in range(ROUNDS):
            trial = start(holder, number)
            supervisors.add(trial.supervisor)
            seen.append(witness.traces(witness.below(trial.keeper)))
            kill(trial.keeper)
            gone(trial.survivors, seen[-1].left)
            assert holder.answer()["outcome"] == "fault"
    assert len(supervisors) == 1
    settled(room, seen)


@pytest.mark.parametrize("inside", [False, True], ids=["outer", "inner"])
def test_nothing_outlives_a_killed_bubblewrap_and_no_result_comes_of_it(room: Lab, *, inside: bool) -> None:
    if not room.key.startswith("bubblewrap"):
        pytest.skip("another backend")
    seen: list[Traces] = []
    with holding(room) as holder:
        for number in range(ROUNDS):
            trial = start(holder, number)
            seen.append(witness.traces(witness.below(trial.keeper)))
            assert len(trial.bubblewrap) == 2
            kill(trial.bubblewrap[inside])
            assert holder.answer()["outcome"] in {"fault", "crash"}
            assert trial.survivors() == []
            gone(seen[-1].left)
    settled(room, seen)


def idle(holder: Holder, number: int) -> Traces:
    """Run a trial, and wait until the process of the next, in every second round its command too, is there."""
    assert holder.run(holder.lab.spec("print(1)")) == "ok"
    until(partial(crowded, holder, 2 + number % 2))
    return witness.traces(witness.below(holder.pid))


def test_nothing_that_waits_for_a_trial_outlives_its_server(room: Lab) -> None:
    seen: list[Traces] = []
    for number in range(ROUNDS):
        with holding(room) as holder:
            seen.append(idle(holder, number))
            kill(holder.pid)
            gone(seen[-1].left, lambda: related(room))
    settled(room, seen)


def test_nothing_that_waits_for_a_trial_outlives_its_supervisor_and_the_next_trial_runs(room: Lab) -> None:
    seen: list[Traces] = []
    with holding(room) as holder:
        for number in range(ROUNDS):
            seen.append(idle(holder, number))
            kill(*witness.children(holder.pid))
            gone(seen[-1].left)
        assert holder.run(room.spec("print(1)")) == "ok"
    settled(room, seen)


def crowded(holder: Holder, processes: int) -> bool:
    return len(witness.below(holder.pid)) >= processes


@pytest.mark.parametrize("processes", range(1, 6))
def test_nothing_outlives_a_server_killed_while_it_sets_a_trial_up(room: Lab, processes: int) -> None:
    """It is killed as soon as it has that many descendants, which is at another step each time."""
    seen: list[Traces] = []
    for number in range(ROUNDS // 4):
        with holding(room) as holder:
            token = f"{room.token}-{number}"
            holder.order(room.spec(hostile.daemons(token) + hostile.FOREVER, limits=LONG))
            until(partial(crowded, holder, processes))
            seen.append(witness.traces(witness.below(holder.pid)))
            kill(holder.pid)
            gone(seen[-1].left, lambda: related(room), partial(survivors, token))
    settled(room, seen)


@pytest.mark.parametrize("victim", ["server", "supervisor", "keeper"])
def test_no_file_in_a_public_folder_outlives_a_killed_part_and_the_next_trial(room: Lab, victim: str) -> None:
    """A killed trial process can remove nothing; the next trial does."""
    if room.key not in CONFINING:
        pytest.skip("it may write where it likes, and what it wrote stays")
    seen: list[Traces] = []
    for number in range(ROUNDS // 4):
        with holding(room) as holder:
            trial = start(holder, number, files=True)
            seen.append(witness.traces(witness.below(holder.pid)))
            kill({"server": holder.pid, "supervisor": trial.supervisor, "keeper": trial.keeper}[victim])
            gone(trial.survivors)
    settled(room, seen)
    gone(lambda: witness.named(room.token))
