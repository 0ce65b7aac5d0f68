"""What the night knows of the session, brought up to date from the journal alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...session import budget, ending
from ...session.budget import BudgetState
from ...session.journal import Record
from ...session.state import State, Trial
from . import dollars, facts
from .facts import Ended, Tally
from .follow import Follower
from .place import Place

_BASELINE_FAILED = "the baseline failed"
_PROGRESS = {
    "trial_started",
    "trial_measured",
    "trial_interrupted",
    "decided",
    "edited",
    "row",
    "paused",
    "unpaused",
}


@dataclass(frozen=True, slots=True)
class Decided:
    """A trial that was decided, and the best value before it."""

    trial: Trial
    best_before: float | None


class Book:
    """The session as its journal has it, and what happened since the night began."""

    def __init__(self, place: Place) -> None:
        self._place, self._follower = place, Follower(place.journal)
        self.tally = Tally()
        self._decided_to = -1
        self._follower.news()
        self._best = facts.best_value(self.state)

    @property
    def state(self) -> State | None:
        """The session's state, None before it was opened."""
        return self._follower.state

    def news(self) -> tuple[list[Record], list[Decided]]:
        """What came since the last call: the records, and the trials that they decided.

        Raises:
            JournalError: If the journal is damaged.
        """
        records = self._follower.news()
        return records, list(self._decided(records))

    def _decided(self, records: list[Record]) -> Iterator[Decided]:
        state = self.state
        for record in records:
            if record.kind != "decided" or state is None:
                continue
            trial = state.trials[record.data["trial"]]
            if trial.number <= self._decided_to:  # its first decision was taken back by a full disk
                continue
            self._decided_to = trial.number
            self.tally.count(trial)
            yield Decided(trial, self._best)
            if record.data["decision"] == "keep":
                self._best = trial.metrics.get(state.opened.contract.primary)

    def standing(self) -> BudgetState:
        """Whether the session is over, with the dollars that no server has taken in yet."""
        state = self.state
        if state is None:
            return budget.check(self._place.program.budget, budget.Spent())
        return ending.check(dollars.counted(state, self._place.inbox), budget.now())

    @property
    def paused(self) -> bool:
        """Whether the person has paused the session."""
        return self.state is not None and self.state.paused

    def busy(self, slack: float) -> bool:
        """Whether a trial runs; `slack` seconds after its limit it is taken for lost with its server."""
        state = self.state
        if state is None or state.running is None:
            return False
        trial = state.trials[state.running]
        return state.spent(budget.now()).seconds < trial.started + trial.limit + slack

    def running_seconds(self) -> float:
        """For how long the trial that runs has been running; 0 if none does."""
        state = self.state
        if state is None or state.running is None:
            return 0.0
        return state.spent(budget.now()).seconds - state.trials[state.running].started

    def told(self, trial: Trial, best_before: float | None) -> dict[str, Any]:
        """A decided trial as data."""
        state = self.state
        return {} if state is None else facts.of_trial(self._counted(state), trial, best_before)

    def end(self, ended: Ended) -> dict[str, Any]:
        """The end of the night as data."""
        state = self.state and self._counted(self.state)
        return facts.of_end(state, self._place.tag, self.tally, ended)

    def progress(self, doing: str) -> dict[str, Any] | None:
        """What a progress line shows; None before the session was opened."""
        state = self.state
        return None if state is None else facts.of_progress(self._counted(state), doing)

    def _counted(self, state: State) -> State:
        return dollars.counted(state, self._place.inbox)


def began(records: list[Record]) -> int:
    """How many trials these records begin; a baseline counts once it is measured, for it may fail for ever."""
    return sum(
        record.kind == ("trial_started" if record.data["trial"] else "trial_measured")
        for record in records
        if record.kind in {"trial_started", "trial_measured"}
    )


def progress(records: list[Record]) -> bool:
    """Whether something comes of it: to read, to be refused and to fail the baseline is none."""
    return any(
        record.kind in _PROGRESS and (record.kind != "trial_started" or record.data["trial"]) for record in records
    )


def failures(records: list[Record]) -> Iterator[str]:
    """What these records say of baselines that failed."""
    for record in records:
        if record.kind == "baseline_failed":
            yield f"{_BASELINE_FAILED}: {record.data['reason']}"
