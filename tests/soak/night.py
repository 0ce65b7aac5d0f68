"""One session that is killed again and again: life after life, each by a strike of a random kind."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from referee.session.inbox import drop

from . import books, strikes
from .findings import LOST, UNRESUMABLE, Finding, Tally
from .player import Move, Player
from .told import Told
from .wire import Answer, DiedError, Server
from .world import World

_START, _OPENING, _CALL = 0.9, 0.6, 0.08  # seconds within which the random moments lie
_MESSAGE = 0.2  # how often a life begins with a message from the person
_MESSAGES: list[tuple[str, dict[str, Any], str]] = [
    ("extend", {"experiments": 1}, "extended"),
    ("tell", {"text": "try less"}, "told"),
]
_SOME = 6  # calls of a quiet life, at most


@dataclass(slots=True)
class Night:
    """One session and its lives; `tallies` are by kind of fault."""

    world: World
    rng: random.Random
    tallies: dict[str, Tally] = field(default_factory=dict[str, Tally])
    told: Told = field(default_factory=Told)
    left: Counter[str] = field(default_factory=Counter[str])
    player: Player = field(init=False)

    def __post_init__(self) -> None:
        self.player = Player(self.rng, self.world.token)

    def play(self, kills: int, until: float) -> None:
        """Live `kills` lives, or as many as end before `until` (monotonic seconds), and one more in peace."""
        for number in range(kills):
            if time.monotonic() > until:
                break
            kind = self.rng.choice(list(_OPENINGS)) if number < 2 else self.rng.choices(*_KINDS)[0]
            self._life(kind)
        self._tally("the end of a session").add(self._peace())

    def _tally(self, kind: str) -> Tally:
        return self.tallies.setdefault(kind, Tally())

    def _life(self, kind: str) -> None:
        found: list[Finding] = []
        if self.world.journal.exists() and self.rng.random() < _MESSAGE:
            kind_of_message, data, record = self.rng.choice(_MESSAGES)
            drop(self.world.home / "inbox", kind_of_message, data)
            self.left[record] += 1
        server = self.world.serve()
        try:
            found += _LIVES[kind](self, server)
        except (DiedError, TimeoutError) as fault:
            found.append(Finding(UNRESUMABLE, f"{type(fault).__name__} {fault}; {self.world.noise()}"))
        finally:
            server.kill()
        found += books.after_kill(self.world, self.told)
        self._tally(kind).add(found)

    # --- what a life consists of ---------------------------------------------------------------------------------

    def resume(self, server: Server) -> Iterator[Finding]:
        """Make the first calls of a life, and judge what the session came back with."""
        server.greet()
        if self.world.journal.exists() and self.told.heads:
            records = self.world.records()
            allowed = self.told.drafts(self.world, records)
            answer = server.call("read_target", revision="draft")
            if answer.refused or answer.facts["sha256"] not in allowed:
                yield Finding(LOST, f"the draft is none of those that it may be: {answer.text[:200]}")
            else:
                self.told.heads.append(answer.facts["journal"])
        self.told.open.clear()
        begun = len(self.world.lines())
        answer = server.call("revert", to="nonsense")
        new = [record["kind"] for record in self.world.records()[begun:]]
        if not {"opened", "resumed"} & set(new):
            yield Finding(UNRESUMABLE, answer.text[:300])
        yield from books.after_start(self.world)

    def some_calls(self, server: Server, most: int) -> Iterator[Finding]:
        """Make a few random calls, sometimes the next before the last was answered."""
        for _ in range(self.rng.randint(0, most)):
            moves = [self.player.move() for _ in range(self.rng.choice([1, 1, 1, 2, 3]))]
            yield from self.make(server, moves)

    def make(self, server: Server, moves: list[Move]) -> Iterator[Finding]:
        """Make these calls at once."""
        self.told.ask(moves)
        numbers = [server.send(move.tool, move.arguments) for move in moves]
        for number, move in zip(numbers, moves, strict=True):
            answer: Answer = server.receive(number)
            yield from self.told.take(answer, move)

    def struck(self, server: Server, due: Callable[[], bool]) -> Iterator[Finding]:
        """Make calls until the strike falls."""
        with strikes.Strike(server.pid, due), suppress(DiedError):
            while True:
                yield from self.make(server, [self.player.move()])

    # --- the lives -----------------------------------------------------------------------------------------------

    def any_moment(self, server: Server) -> Iterator[Finding]:
        """Die at any moment of a call."""
        yield from self.resume(server)
        yield from self.some_calls(server, _SOME)
        yield from self.struck(server, strikes.moment(self.rng, _CALL))

    def after_record(self, server: Server) -> Iterator[Finding]:
        """Die right after a record of some kind."""
        yield from self.resume(server)
        yield from self.some_calls(server, 2)
        kind = self.rng.choice(strikes.RECORDS[:-1])
        yield from self.struck(server, strikes.record(self.world, kind))

    def after_file(self, server: Server) -> Iterator[Finding]:
        """Die right after a ref or a file of results has changed."""
        yield from self.resume(server)
        yield from self.some_calls(server, 2)
        path = self.rng.choice(strikes.watched_files(self.world))
        yield from self.struck(server, strikes.file(path))

    def in_trial(self, server: Server) -> Iterator[Finding]:
        """Die while a trial runs that would go on for a minute."""
        yield from self.resume(server)
        yield from self.make(server, [Move("revert", {})])  # nothing may wait for a decision
        with strikes.Strike(server.pid, strikes.sleeper(self.world)), suppress(DiedError):
            yield from self.make(server, [self.player.long_trial()])
            while True:
                yield from self.make(server, [self.player.move()])

    def torn(self, server: Server) -> Iterator[Finding]:
        """Die as by a power cut: what was not yet synced is lost, in the middle of a line."""
        yield from self.any_moment(server)
        server.kill()
        synced, size = self.world.synced(), self.world.journal.stat().st_size
        os.truncate(self.world.journal, self.rng.randint(synced, size))
        self.told.forget_cut(self.world.records())

    def starting(self, server: Server) -> Iterator[Finding]:
        """Die while the process starts, before or after it greets."""
        with strikes.Strike(server.pid, strikes.moment(self.rng, _START)), suppress(DiedError):
            server.greet()
        yield from ()

    def opening(self, server: Server) -> Iterator[Finding]:
        """Die in the call that opens or resumes the session."""
        with suppress(DiedError):
            server.greet()
            first = self.rng.choice([self.player.measure(), self.player.edit(), self.player.trial()])
            with strikes.Strike(server.pid, strikes.moment(self.rng, _OPENING)):
                yield from self.make(server, [first])

    def recovering(self, server: Server) -> Iterator[Finding]:
        """Die as soon as the record of a resumed session is seen, in the middle of what follows."""
        with suppress(DiedError):
            server.greet()
            kind = "resumed" if self.world.lines() else "opened"
            with strikes.Strike(server.pid, strikes.record(self.world, kind)):
                yield from self.make(server, [self.player.edit()])

    def leaving(self, server: Server) -> Iterator[Finding]:
        """Die while the server puts things away, because its client has left."""
        yield from self.resume(server)
        yield from self.some_calls(server, 2)
        server.hang_up()
        with strikes.Strike(server.pid, strikes.moment(self.rng, _CALL)):
            pass

    def _peace(self) -> Iterator[Finding]:
        server = self.world.serve()
        try:
            yield from self.resume(server)
            yield from self.make(server, [Move("revert", {}), Move("run_eval", {"description": "the last"})])
            yield from self.make(server, [Move("revert", {}), Move("append_result", {})])
            last = server.call("check_budget")
            server.end()
            spent = last.facts["budget"]["experiments_spent"]
        except (TimeoutError, DiedError, KeyError) as fault:
            yield Finding(UNRESUMABLE, f"the last server: {type(fault).__name__} {fault}; {self.world.noise()}")
            return
        finally:
            server.kill()
        yield from books.after_kill(self.world, self.told)
        yield from books.at_end(self.world, self.told, spent, self.left)


_LIVES: dict[str, Callable[[Night, Server], Iterator[Finding]]] = {
    "at any moment of a call": Night.any_moment,
    "right after a record": Night.after_record,
    "right after a ref or file": Night.after_file,
    "while a trial runs": Night.in_trial,
    "power cut, line torn": Night.torn,
    "while the process starts": Night.starting,
    "while the session opens": Night.opening,
    "in the middle of recovery": Night.recovering,
    "while the server leaves": Night.leaving,
}
_OPENINGS = ("while the process starts", "while the session opens", "in the middle of recovery")
_KINDS = (list(_LIVES), [24, 24, 12, 14, 8, 3, 6, 6, 5])
