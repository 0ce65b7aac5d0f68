"""What an agent was told by one session, over all the servers that died under it: nothing of it may be untrue later."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .findings import DOUBLE, LOST, WRONG, Finding
from .player import Move
from .wire import Answer
from .world import GENESIS, World, sha256

Record = Mapping[str, Any]


@dataclass(slots=True)
class Told:
    """The answers of one session; `open` are the calls that have none yet, or whose trial goes on."""

    heads: list[str] = field(default_factory=list[str])
    decided: dict[int, str] = field(default_factory=dict[int, str])
    losses: dict[int, float] = field(default_factory=dict[int, float])
    seconds: float = 0.0
    experiments: int = 0
    _floor: tuple[float, int] = (0.0, 0)
    open: list[Move] = field(default_factory=list[Move])

    def ask(self, moves: Sequence[Move]) -> None:
        """Note calls that are made now: nothing that they say was spent may be less than what was said before."""
        self.open += moves
        self._floor = (self.seconds, self.experiments)

    def take(self, answer: Answer, move: Move) -> Iterator[Finding]:
        """Note an answer, and yield where it contradicts an earlier one."""
        facts = answer.facts
        running = facts.get("status") == "running"
        if not running and move in self.open:
            self.open.remove(move)
        if answer.refused:
            if "unexpected fault" in answer.text:
                yield Finding(WRONG, f"{move.tool}: {answer.text}")
            return
        yield from self._spent(facts["budget"])
        if facts["journal"] != GENESIS:  # before there is a session there is something to read already
            self.heads.append(str(facts["journal"]))
        if "trial" in facts and not running:
            yield from self._trial(int(facts["trial"]), facts)

    def _spent(self, budget: Mapping[str, Any]) -> Iterator[Finding]:
        seconds, experiments = budget["seconds_spent"], budget["experiments_spent"]
        if seconds < self._floor[0] or experiments < self._floor[1]:
            yield Finding(WRONG, f"what is spent went down from {self._floor}: {budget}")
        self.seconds, self.experiments = max(self.seconds, seconds), max(self.experiments, experiments)

    def _trial(self, number: int, facts: Mapping[str, Any]) -> Iterator[Finding]:
        decision, metrics = facts.get("decision"), dict[str, float](facts.get("metrics") or {})
        loss = metrics.get("loss")
        if decision and self.decided.setdefault(number, decision) != decision:
            yield Finding(WRONG, f"trial {number} was {self.decided[number]} and is {decision} now")
        if loss is not None and self.losses.setdefault(number, loss) != loss:
            yield Finding(WRONG, f"trial {number} had loss {self.losses[number]} and has {loss} now")

    def missing(self, records: Sequence[Record]) -> Iterator[Finding]:
        """Yield what was told and is no longer in the journal."""
        hashes = {record["hash"] for record in records}
        gone = [head for head in self.heads if head not in hashes]
        if gone:
            yield Finding(LOST, f"{len(gone)} answers named records that the journal does not hold")
        decisions = {r["data"]["trial"]: r["data"]["decision"] for r in records if r["kind"] == "decided"}
        for number, decision in self.decided.items():
            if decisions.get(number) != decision:
                yield Finding(LOST, f"trial {number}: told {decision}, the journal says {decisions.get(number)}")
        started = sum(record["kind"] == "trial_started" and record["data"]["trial"] > 0 for record in records)
        if started < self.experiments:
            yield Finding(DOUBLE, f"{self.experiments} experiments were charged and {started} started")

    def forget_cut(self, records: Sequence[Record]) -> None:
        """Forget the records that a cut of power may take: those that were never said to be on the disk."""
        hashes = {record["hash"] for record in records}
        self.heads = [head for head in self.heads if head in hashes]

    def drafts(self, world: World, records: Sequence[Record]) -> set[str]:
        """Return the SHA-256 of every draft that the session may have now."""
        blob, acknowledged, told = "", "", set(self.heads)
        for record in records:
            if record["kind"] in {"opened", "edited"}:
                blob = record["data"]["blob"]
            if record["hash"] in told:
                acknowledged = blob
        found = {sha256(world.text(acknowledged))} if acknowledged else set[str]()
        changing = [move for move in self.open if move.changes]
        found |= {sha256(move.content) for move in changing if move.content is not None}
        if any(move.tool != "edit_target" for move in changing):
            found |= {sha256(world.text(blob)) for blob in _measured(records)}
        return found


def _measured(records: Sequence[Record]) -> set[str]:
    """The drafts that a revert, or the decision of a trial, may have put back."""
    return {record["data"]["blob"] for record in records if record["kind"] in {"opened", "trial_started"}}
