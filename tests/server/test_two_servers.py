"""Two servers on one session, calls of any kind in any order: judged afterwards from the journal alone."""

import os
import random
from pathlib import Path

import pytest

from tests.soak import books
from tests.soak.findings import Finding
from tests.soak.player import Move, Player, seeded
from tests.soak.told import Told
from tests.soak.wire import Server
from tests.soak.world import World

TIGHT = "budget: {max_experiments: 9, max_wall_clock_hours: 1, max_consecutive_crashes: null}"
CALLS = 30


class Both:
    """Two servers of one session, and what both told; one is let go, killed or started anew now and then."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng, self.told = world, rng, Told()
        self.player = Player(rng, world.token)
        self.servers = [self.started(), self.started()]
        self.found: list[Finding] = []

    def started(self) -> Server:
        server = self.world.serve()
        server.greet()
        return server

    def turn(self) -> None:
        """Make one to three calls at once, each on either server; sometimes replace a server instead."""
        if self.rng.random() < 0.07:
            self.replace(self.rng.randrange(2), kill=self.rng.random() < 0.5)
            return
        moves = [self.player.move() for _ in range(self.rng.choice([1, 1, 2, 3]))]
        self.told.ask(moves)
        asked: list[tuple[Server, int, Move]] = []
        for move in moves:
            server = self.rng.choice(self.servers)
            asked.append((server, server.send(move.tool, move.arguments), move))
        for server, number, move in asked:
            self.found += self.told.take(server.receive(number), move)

    def replace(self, which: int, *, kill: bool) -> None:
        """Let a server end, and start another in its place."""
        if kill:
            self.servers[which].kill()
        else:
            self.servers[which].end()
        self.servers[which] = self.started()

    def ended(self) -> list[Finding]:
        """Finish what is pending on the one that may write, let both end, and judge the books."""
        for server in self.servers[::-1]:
            server.end()
        last = self.started()
        for move in (Move("revert", {}), Move("append_result", {})):
            last.call(move.tool, **move.arguments)
        spent = last.call("check_budget").facts["budget"]
        last.end()
        self.found += books.after_kill(self.world, self.told)
        self.found += books.at_end(self.world, self.told, spent["experiments_spent"], {})
        return self.found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.promise("hard budget")
def test_no_order_of_calls_keeps_what_was_not_measured_or_spends_twice_or_hides_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv("REFEREE_STATE_DIR", str(tmp_path / "state"))
    world = World(tmp_path, f"{os.getpid()}44").make(TIGHT)
    both = Both(world, seeded(seed))
    try:
        for _ in range(CALLS):
            both.turn()
        found = both.ended()
    finally:
        for server in both.servers:
            server.kill()
    records = world.records()
    assert found == []
    assert 0 < sum(record["kind"] == "trial_started" and record["data"]["trial"] > 0 for record in records) <= 9
    kept = {r["data"]["trial"] for r in records if r["kind"] == "decided" and r["data"]["decision"] == "keep"}
    allowed = {r["data"]["trial"] for r in records if r["kind"] == "trial_measured" and r["data"]["may_keep"]}
    assert kept <= allowed
