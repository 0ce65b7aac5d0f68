"""What did not work, in groups that stay few however often it was tried.

Guarantee: bounded whatever the number of trials, and nothing in it that the contract hides from the agent.
Edge: words decide what belongs together, so two ideas in the same words are one group.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from .contract import Contract
from .feedback import shown, told
from .trial import Trial

MOST = 1000
"""Groups that are told apart."""

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


@dataclass(slots=True)
class Groups:
    """Groups by their labels. Beyond `MOST` of them the rarest and oldest half is counted together, without words.

    Attributes:
        higher: Whether higher values are better.
        by_label: The groups.
        rest: How many trials are counted together.
    """

    higher: bool
    by_label: dict[str, Group] = field(default_factory=dict[str, Group])
    rest: int = 0

    def copied(self) -> "Groups":
        """The same, to be added to apart from this."""
        groups = {label: replace(group, trials=group.trials.copy()) for label, group in self.by_label.items()}
        return Groups(self.higher, groups, self.rest)

    def add(self, label: str, number: int, value: float | None) -> None:
        """Take in one more trial."""
        self.by_label.setdefault(label, Group(label)).add(number, value, higher=self.higher)
        if len(self.by_label) > MOST:
            found = self.largest()
            self.by_label = {group.label: group for group in found[: MOST // 2]}
            self.rest += sum(group.count for group in found[MOST // 2 :])

    def largest(self) -> list[Group]:
        """All of them, the largest first, and of equals the latest."""
        return sorted(self.by_label.values(), key=lambda group: (-group.count, -group.trials[-1]))

    def beyond(self, most: int) -> int:
        """How many trials belong to none of the first so many."""
        return self.rest + sum(group.count for group in self.largest()[most:])


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
