"""No start of a client leaves the server out: a model that does not see our tools would spend its turn on nothing."""

import pytest

from tests.clients.bench import PATIENCE, Sit
from tests.clients.seats import Seat

pytestmark = pytest.mark.clients


@pytest.mark.parametrize(
    "starts", [3, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(600)])], ids=["few", "many"]
)
def test_the_first_turn_of_every_start_knows_our_tools(sit: Sit, seat: Seat, starts: int) -> None:
    bench = sit(seat, [seat.call("check_budget")])
    for _ in range(starts):
        assert bench.client().wait(PATIENCE) == 0
    firsts = [request for request in bench.stub.log.requests if not request.shown]
    assert len(firsts) == starts
    assert all("mcp__referee" in request.said for request in firsts)
    answers = bench.answers
    assert len(answers) == starts
    assert all(answer["continue"] for answer in answers)
