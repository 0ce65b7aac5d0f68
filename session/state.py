"""The state of a session: a fold of its journal, record by record.

Guarantee: `fold` depends on the records alone, so the same journal gives the same state on every start. Nothing else
in Referee remembers anything that matters.
Edge: kinds that carry no state (`call`, `refused`, `interference`, …) pass through and only move the clock.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .budget import Instant, Spent, advance
from .contract import Budget
from .errors import JournalError
from .journal import Record
from .levels import lowered
from .opened import Opened, opened_of
from .protections import KIND, states_of


class Decision(StrEnum):
    """The three words of `results.tsv`."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"


@dataclass(slots=True)
class Trial:
    """One measured draft.

    `limit` and `seconds` are the wall clock it was given and took; `started` is the session's clock at its start.
    `row` is the text of its row once that is written; `worded` says that the agent chose it after the run.
    """

    number: int
    blob: str
    tree: str
    parent: str
    description: str
    limit: float
    started: float
    commit: str = ""
    outcome: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    measurement: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lines: int = 0
    seconds: float = 0.0
    verdict: str = ""
    reason: str = ""
    may_keep: bool = False
    interrupted: bool = False
    decision: Decision | None = None
    row: str | None = None
    worded: bool = False
    lesson: str | None = None
    cost_usd: float | None = None

    @property
    def measured(self) -> bool:
        """Whether its measurement is known."""
        return bool(self.verdict)

    @property
    def failed(self) -> bool:
        """Whether it gave no number that counts."""
        return self.outcome in {"crash", "timeout"}


@dataclass(slots=True)
class State:
    """Everything known about a session; `protections` are the states that its latest server found, by name."""

    opened: Opened
    budget: Budget
    draft: str
    trials: dict[int, Trial] = field(default_factory=dict[int, Trial])
    best: int | None = None
    running: int | None = None
    baseline_reason: str = ""
    policy_sha256: str = ""
    protections: Mapping[str, str] = field(default_factory=dict[str, str])
    taken: set[str] = field(default_factory=set[str])
    cost_usd: float = 0.0
    consecutive_crashes: int = 0
    elapsed: float = 0.0
    last: Instant | None = None

    @property
    def started(self) -> bool:
        """Whether the clock of the budget runs: it does from the first baseline on."""
        return bool(self.trials) or bool(self.baseline_reason)

    @property
    def baseline(self) -> Trial | None:
        """The measured trial 0."""
        trial = self.trials.get(0)
        return trial if trial and trial.measured else None

    @property
    def best_trial(self) -> Trial | None:
        """The last kept trial."""
        return None if self.best is None else self.trials[self.best]

    @property
    def undecided(self) -> Trial | None:
        """The measured trial that waits for keep or revert, if any."""
        return next((t for t in reversed(self.trials.values()) if t.measured and t.decision is None), None)

    @property
    def kept(self) -> list[Trial]:
        """Kept trials in order, the baseline first."""
        return [t for t in self.trials.values() if t.decision is Decision.KEEP]

    @property
    def rows(self) -> list[Trial]:
        """Trials that have a row in the results, in order."""
        return [self.trials[n] for n in sorted(self.trials) if self.trials[n].row is not None]

    def spent(self, at: Instant) -> Spent:
        """What the session has used up at `at`."""
        seconds = advance(self.elapsed, self.last, at) if self.started and self.last else self.elapsed
        return Spent(sum(number > 0 for number in self.trials), seconds, self.cost_usd, self.consecutive_crashes)

    def measured_as(self, blob: str) -> Trial | None:
        """The trial that measured exactly these bytes and was not interrupted."""
        return next((t for t in self.trials.values() if t.blob == blob and t.measured and not t.interrupted), None)


def fold(records: Iterable[Record]) -> State | None:
    """The state after these records; None if the session was never opened.

    Raises:
        JournalError: If a record, though in the chain, is none that could stand there.
    """
    state: State | None = None
    for record in records:
        try:
            state = apply(state, record)
        except (KeyError, TypeError, ValueError) as fault:
            raise JournalError(
                f"journal line {record.seq}: a {record.kind!r} record that Referee never writes ({fault}). "
                "Run `referee audit --verify`; to go on working, use another --tag."
            ) from None
    return state


def apply(state: State | None, record: Record) -> State | None:
    """The state after one more record; `state` is changed in place.

    Raises:
        JournalError: If a record that needs an open session comes before `opened`.
    """
    if record.kind == "opened":
        state = _opened(record)
    elif state is not None:
        if state.started and state.last is not None:
            state.elapsed = advance(state.elapsed, state.last, record.instant)
        if effect := _EFFECTS.get(record.kind):
            effect(state, record.data)
    elif record.kind in _EFFECTS:
        raise JournalError(f"journal line {record.seq}: {record.kind!r} comes before the session was opened.")
    if state is not None:
        state.last = record.instant
    return state


def _opened(record: Record) -> State:
    data = record.data
    budget = Budget.model_validate(data["budget"], strict=False)
    return State(opened_of(data), budget, draft=data["blob"], policy_sha256=data["policy_sha256"])


def _edited(state: State, data: Mapping[str, Any]) -> None:
    state.draft = data["blob"]


def _trial_started(state: State, data: Mapping[str, Any]) -> None:
    number = data["trial"]
    state.trials[number] = Trial(
        number=number,
        blob=data["blob"],
        tree=data["tree"],
        parent=data["parent"],
        description=data["description"],
        limit=data["limit"],
        started=state.elapsed,
    )
    state.running = number


def _trial_measured(state: State, data: Mapping[str, Any]) -> None:
    trial = state.trials[data["trial"]]
    trial.commit = data["commit"]
    trial.measurement = data["measurement"]
    trial.outcome = trial.measurement["outcome"]
    trial.metrics = trial.measurement["metrics"]
    trial.seconds = trial.measurement["seconds"]
    trial.lines = data["lines"]
    trial.verdict = data["verdict"]
    trial.reason = data["reason"]
    trial.may_keep = data["may_keep"]
    state.running = None
    if trial.number > 0:
        state.consecutive_crashes = state.consecutive_crashes + 1 if trial.verdict in {"crash", "timeout"} else 0


def _trial_interrupted(state: State, data: Mapping[str, Any]) -> None:
    trial = state.trials[data["trial"]]
    trial.commit = data["commit"]
    trial.outcome = trial.verdict = "crash"
    trial.reason = data["reason"]
    trial.seconds = data["seconds"]
    trial.interrupted = True
    state.running = None


def _baseline_failed(state: State, data: Mapping[str, Any]) -> None:
    state.trials.pop(0, None)
    state.running = None
    state.baseline_reason = data["reason"]


def _decided(state: State, data: Mapping[str, Any]) -> None:
    trial = state.trials[data["trial"]]
    trial.decision = Decision(data["decision"])
    if trial.decision is Decision.KEEP:
        state.best = trial.number


def _row(state: State, data: Mapping[str, Any]) -> None:
    trial = state.trials[data["trial"]]
    if "description" in data:
        trial.row, trial.worded = data["description"], data["worded"]
    if "lesson" in data:
        trial.lesson = data["lesson"]
    if "cost_usd" in data:
        trial.cost_usd = data["cost_usd"]
        state.cost_usd += data["cost_usd"]


def _lowered(state: State, _: Mapping[str, Any]) -> None:
    state.opened = lowered(state.opened)


def _extended(state: State, data: Mapping[str, Any]) -> None:
    state.budget = Budget.model_validate(data["budget"], strict=False)
    state.consecutive_crashes = 0
    state.taken.add(data["message"])


def _policy(state: State, data: Mapping[str, Any]) -> None:
    state.policy_sha256 = data["sha256"]


def _protections(state: State, data: Mapping[str, Any]) -> None:
    state.protections = states_of(data)


def _ignored(state: State, data: Mapping[str, Any]) -> None:
    state.taken.add(data["message"])


_EFFECTS: Mapping[str, Callable[[State, Mapping[str, Any]], None]] = {
    "edited": _edited,
    "trial_started": _trial_started,
    "trial_measured": _trial_measured,
    "trial_interrupted": _trial_interrupted,
    "baseline_failed": _baseline_failed,
    "decided": _decided,
    "row": _row,
    "extended": _extended,
    "policy": _policy,
    "lowered": _lowered,
    "ignored": _ignored,
    KIND: _protections,
}
