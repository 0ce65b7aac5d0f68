"""What did not work, in groups that stay few however often it was tried.

Guarantee: one pass over the trials; what it returns is bounded, and holds no text or digit that the contract hides from
the agent. Edge: words decide what belongs together, so two ideas in the same words are one group.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .contract import Contract
from .feedback import shown, told
from .state import Decision, State, Trial

GROUPS = 10
_NUMBERS = 5
_LABEL_CHARS = 120
_WORD = re.compile(r"[^\W\d_]+")
_NUMERAL = re.compile(r"\d+(?:[.,:]\d+)*(?:[eE][-+]?\d+)?")


@dataclass(slots=True)
class Group:
    """Trials of one kind: how many, the latest of them, and the best value that any of them reached."""

    label: str
    count: int = 0
    trials: list[int] = field(default_factory=list[int])
    best: float | None = None

    def add(self, number: int, value: float | None, *, higher: bool) -> None:
        """Take in one more trial."""
        self.count += 1
        self.trials.append(number)
        del self.trials[:-_NUMBERS]
        if value is not None:
            known = self.best
            self.best = value if known is None else max(known, value) if higher else min(known, value)

    def facts(self) -> dict[str, Any]:
        """The group as data."""
        facts: dict[str, Any] = {"what": self.label, "count": self.count, "trials": list(self.trials)}
        return facts | ({} if self.best is None else {"best": self.best})


def failed(state: State, contract: Contract) -> list[Group]:
    """Crashes and timeouts by their reason, numbers aside; what was interrupted failed at nothing."""
    trials = (trial for trial in state.trials.values() if trial.failed and not trial.interrupted)
    return _grouped(((reason_of(contract, trial.reason), trial) for trial in trials), contract)


def fruitless(state: State, contract: Contract) -> list[Group]:
    """Trials that were measured and not kept, by the words of their description."""
    trials = (trial for trial in state.trials.values() if trial.decision is Decision.DISCARD)
    return _grouped(((stem(trial.row or trial.description), trial) for trial in trials), contract)


def reason_of(contract: Contract, reason: str) -> str:
    """A reason as the agent may see it, with every number as `#`."""
    return _NUMERAL.sub("#", told(contract, reason))[:_LABEL_CHARS]


def stem(description: str) -> str:
    """The words of a description without digits, punctuation and capitals: the same for one idea at other settings."""
    return " ".join(_WORD.findall(description.lower()))[:_LABEL_CHARS]


def value_of(contract: Contract, trial: Trial) -> float | None:
    """The primary metric as the agent sees it; None where the trial gave none that counts."""
    value = None if trial.failed else trial.metrics.get(contract.primary)
    return None if value is None else shown(contract, value)


def _grouped(named: Iterable[tuple[str, Trial]], contract: Contract) -> list[Group]:
    higher = contract.metrics[contract.primary].goal == "maximize"
    groups: dict[str, Group] = {}
    for label, trial in named:
        group = groups.setdefault(label, Group(label))
        group.add(trial.number, value_of(contract, trial), higher=higher)
    return sorted(groups.values(), key=lambda group: (-group.count, -group.trials[-1]))
