"""What is gathered from the trials of a session: enough to tell a fresh agent what they come to.

Guarantee: bounded in size whatever the number of trials, and a packed trial is looked at once, not at every question.
Nothing here is state: it can be gathered again at any time.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from typing import Self

from .contract import Contract
from .dead_ends import Groups, reason_of, stem, value_of
from .past import CHUNK, Trials
from .trial import Decision, Trial

KEPT, LAST, NEAR, LESSONS, ROWS = 11, 10, 5, 20, 200
"""How many are gathered: kept trials and the one before, last ones, near misses, lessons, rows of each decision."""


class Gathered:
    """What some trials come to, taken in by their numbers.

    Attributes:
        closest: The trials that were not kept and came closest to the best, as the agent sees them: a heap of how good
            (higher is better), number, trial.
        kept: The last kept trials, oldest first, the baseline among them.
        last: The last measured trials, oldest first, without the baseline.
        lessons: The latest trials with a lesson by its words, oldest first; of those with the same words the last.
        failed: Crashes and timeouts by their reason, numbers aside; what was interrupted failed at nothing.
        tried: Trials that were measured and not kept, by the words of their description.
        rows: The last trials that have a row, by their decision, oldest first.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._higher = contract.metrics[contract.primary].goal == "maximize"
        self.closest: list[tuple[float, int, Trial]] = []
        self.kept: deque[Trial] = deque(maxlen=KEPT)
        self.last: deque[Trial] = deque(maxlen=LAST)
        self.lessons: dict[str, Trial] = {}
        self.rows = {decision: deque[Trial](maxlen=ROWS) for decision in Decision}
        self.failed = Groups(self._higher)
        self.tried = Groups(self._higher)

    @property
    def near(self) -> Sequence[Trial]:
        """Those of `closest`, the closest first."""
        return [trial for *_, trial in sorted(self.closest, key=lambda found: found[:2], reverse=True)]

    def copied(self) -> Self:
        """The same, to be added to apart from this."""
        other = type(self)(self._contract)
        other.closest, other.lessons = self.closest.copy(), self.lessons.copy()
        other.kept, other.last = self.kept.copy(), self.last.copy()
        other.rows = {decision: rows.copy() for decision, rows in self.rows.items()}
        other.failed, other.tried = self.failed.copied(), self.tried.copied()
        return other

    def add(self, trial: Trial) -> None:
        """Take in the next trial."""
        value = value_of(self._contract, trial)
        if trial.number and trial.measured:
            self.last.append(trial)
        if trial.decision and trial.row is not None:
            self.rows[trial.decision].append(trial)
        if trial.lesson:
            self._learn(trial, trial.lesson)
        if trial.failed and not trial.interrupted:
            self.failed.add(reason_of(self._contract, trial.reason), trial.number, value)
        if trial.decision is Decision.KEEP:
            self.kept.append(trial)
        elif trial.decision is Decision.DISCARD:
            self.tried.add(stem(trial.row or trial.description), trial.number, value)
            if value is not None:
                self._came_near(trial, value if self._higher else -value)

    def _came_near(self, trial: Trial, worth: float) -> None:
        add = heapq.heappush if len(self.closest) < NEAR else heapq.heappushpop
        add(self.closest, (worth, trial.number, trial))

    def _learn(self, trial: Trial, lesson: str) -> None:
        words = " ".join(lesson.casefold().split())
        self.lessons.pop(words, None)
        self.lessons[words] = trial
        if len(self.lessons) > LESSONS:
            del self.lessons[next(iter(self.lessons))]


class Recollection:
    """Gathers the trials of one session as they come, those that are packed once and for all.

    Args:
        trials: Of the session.
        contract: Of the session.
    """

    def __init__(self, trials: Trials, contract: Contract) -> None:
        self._trials = trials
        self._next = 0  # the first trial that is not in it
        self._past = Gathered(contract)

    def gathered(self) -> Gathered:
        """What all trials so far come to."""
        while self._next < len(self._trials.packed) * CHUNK:
            for trial in self._trials.chunk(self._next // CHUNK):
                self._past.add(trial)
            self._next += CHUNK
        found = self._past.copied()
        for number, trial in self._trials.live.items():
            if number >= self._next:  # a packed one may have been opened again
                found.add(trial)
        return found
