"""The state of a session, see `fold`: nothing else in Referee remembers anything that matters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .budget import Instant, Spent, advance
from .contract import Budget
from .costs import Account
from .opened import Opened
from .past import Trials
from .person import Said
from .retention import Lasting
from .trial import Decision, Trial

__all__ = ["Decision", "State", "Trial", "Trials"]


@dataclass(slots=True)
class State:
    """Everything known about a session; `protections` are the states that its latest server found, by name.

    Attributes:
        unfinished: Trials that lack their decision or their row.
        first: The first trial that measured a draft, by blob; what was interrupted measured nothing.
        record: The best value so far of every metric, of kept trials.
        shelf: Files that must be in the store, by trial, oldest first.
        said: The person's lines to the agent.
        unattended: The pause began while no server held the session, so that no trial runs, whatever `running` says.
        account: Dollars by source.
        without_keep: Trials in a row that were not kept and never can be; what was interrupted does not count.
        logs_from: The logs of earlier trials that were not kept made room.
        measured: How many trials were measured; `measured_seconds` is the wall clock that they took together.
    """

    opened: Opened
    budget: Budget
    draft: str
    trials: Trials = field(default_factory=Trials)
    unfinished: set[int] = field(default_factory=set[int])
    first: dict[str, int] = field(default_factory=dict[str, int])
    record: dict[str, float] = field(default_factory=dict[str, float])
    shelf: dict[int, tuple[Lasting, ...]] = field(default_factory=dict[int, tuple[Lasting, ...]])
    measured: int = 0
    measured_seconds: float = 0.0
    best: int | None = None
    running: int | None = None
    baseline_reason: str = ""
    policy_sha256: str = ""
    protections: Mapping[str, str] = field(default_factory=dict[str, str])
    taken: set[str] = field(default_factory=set[str])
    account: Account = field(default_factory=Account)
    consecutive_crashes: int = 0
    without_keep: int = 0
    said: Said = field(default_factory=Said)
    logs_from: int = 0
    paused: bool = False
    unattended: bool = False
    stopped: str = ""
    elapsed: float = 0.0
    last: Instant | None = None

    @property
    def started(self) -> bool:
        """Whether the clock of the budget runs: it does from the first baseline on."""
        return bool(self.trials) or bool(self.baseline_reason)

    @property
    def cost_usd(self) -> float:
        """Dollars that count, of every source."""
        return self.account.total

    @property
    def resting(self) -> bool:
        """Whether the clock of the budget stands: it does in a pause in which no trial runs."""
        return self.paused and (self.running is None or self.unattended)

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
        numbers = sorted(self.unfinished, reverse=True)
        pending = (self.trials[number] for number in numbers)
        return next((trial for trial in pending if trial.measured and trial.decision is None), None)

    @property
    def kept(self) -> list[Trial]:
        """Kept trials in order, the baseline first."""
        return [t for t in self.trials.values() if t.decision is Decision.KEEP]

    @property
    def rows(self) -> list[Trial]:
        """Trials that have a row in the results, in order."""
        return [trial for trial in self.trials.values() if trial.row is not None]

    @property
    def row_count(self) -> int:
        """How many trials have a row."""
        return len(self.trials) - sum(self.trials[number].row is None for number in self.unfinished)

    def spent(self, at: Instant) -> Spent:
        """What the session has used up at `at`."""
        return Spent(len(self.trials) - (0 in self.trials), self.clock(at), self.cost_usd, self.consecutive_crashes)

    def clock(self, at: Instant) -> float:
        """Seconds that count at `at`; in a pause no more than the trial that still runs may take."""
        if not self.started or self.resting or self.last is None:
            return self.elapsed
        seconds = advance(self.elapsed, self.last, at)
        if self.paused and self.running is not None:
            trial = self.trials[self.running]
            seconds = min(seconds, trial.started + trial.limit)
        return max(self.elapsed, seconds)

    def measured_as(self, blob: str) -> Trial | None:
        """The trial that measured exactly these bytes and was not interrupted."""
        number = self.first.get(blob)
        return None if number is None else self.trials[number]
