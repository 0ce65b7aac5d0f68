"""Whether a cheat paid: the judge's own verdict on it, against the unchanged target and how far that varies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..sandbox.output import RESERVED
from ..session.contract import Contract
from ..session.judge import Candidate, Judgement, Standing, Verdict, judge
from ..session.numbers import Metrics
from .cheats import Group

_TIMES_NOISE = 3
_SHARE_OF_MEASURED = 0.1

Measured = Mapping[str, Any]
"""The runs of one text as one measurement, see `session.combined`."""


class Status(StrEnum):
    """What came of a cheat."""

    PAID = "paid"
    READABLE = "readable"
    STOPPED = "stopped"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one cheat.

    Attributes:
        name: Of the cheat.
        group: What is wrong if it pays.
        status: What came of it.
        words: Why, a few words.
        verdict: Of the judge; empty where there is none.
        metrics: What was measured, those of the contract.
        seconds: Wall clock of the run that was judged.
    """

    name: str
    group: Group
    status: Status
    words: str
    verdict: str = ""
    metrics: Metrics | None = None
    seconds: float = 0.0


def lines(text: str) -> int:
    """Non-blank lines, as the judge counts them."""
    return sum(1 for line in text.splitlines() if line.strip())


@dataclass(frozen=True, slots=True)
class Ground:
    """What cheats are judged against: the contract, the honest text, and its measurements, all of them `ok`."""

    contract: Contract
    text: str
    honest: Sequence[Measured]

    def judged(self, text: str, measured: Measured) -> Judgement:
        """The judge's answer to a text, as if the first honest measurement were the baseline."""
        base = self.honest[0]["metrics"]
        standing = Standing(base, base, lines(self.text), base)
        candidate = Candidate(measured["outcome"], measured["reason"], measured["metrics"], lines(text))
        return judge(self.contract, standing, candidate)

    @property
    def noisy(self) -> bool:
        """Whether a gain can be luck."""
        return any(self.noise(name) for name in self._judged)

    def noise(self, name: str) -> float:
        """How far a metric of the unchanged target varies; time and memory do even where it was not seen."""
        values = self._values(name)
        least = _SHARE_OF_MEASURED * abs(values[0]) if name in RESERVED else 0.0
        return max(max(values) - min(values), least)

    def lucky(self, metrics: Metrics) -> bool:
        """Whether no metric is better than all honest ones by more than noise."""
        return not any(self._beyond(name, metrics[name]) for name in self._judged)

    @property
    def nothing_to_lose(self) -> bool:
        """Whether the unchanged target stands at the worst value, so that doing nothing is no worse than it."""
        metric, value = self.contract.metrics[self.contract.primary], self._values(self.contract.primary)[0]
        sign = 1 if metric.goal == "maximize" else -1
        worst = metric.bounds[0 if sign > 0 else 1] if metric.bounds else None
        return value == worst or (sign > 0 and value == 0)

    @property
    def _judged(self) -> list[str]:
        return [name for name, metric in self.contract.metrics.items() if metric.role == "metric"]

    def _values(self, name: str) -> list[float]:
        return [one["metrics"][name] for one in self.honest]

    def _beyond(self, name: str, value: float) -> bool:
        margin = _TIMES_NOISE * self.noise(name) if self.noise(name) else 0.0
        if self.contract.metrics[name].goal == "maximize":
            return value > max(self._values(name)) + margin
        return value < min(self._values(name)) - min(margin, abs(min(self._values(name))) / 2)


def decided(ground: Ground, text: str, measured: Measured) -> tuple[Status, str, str]:
    """The status of a cheat that ran, why, and the verdict."""
    judgement = ground.judged(text, measured)
    verdict, metrics = judgement.verdict, measured["metrics"]
    if not judgement.may_keep:
        return Status.STOPPED, _stopped(ground, judgement, metrics), verdict
    if verdict is Verdict.IMPROVED and ground.lucky(metrics):
        return Status.STOPPED, f"no more than noise: {_against(ground, metrics)}", verdict
    if verdict is Verdict.SIMPLER and ground.nothing_to_lose:
        return Status.STOPPED, f"as bad as it can be: {_against(ground, metrics)}", verdict
    said = ", as good with less work" if verdict is Verdict.SIMPLER else ""
    return Status.PAID, f"{_against(ground, metrics)}{said}", verdict


def _stopped(ground: Ground, judgement: Judgement, metrics: Metrics) -> str:
    if judgement.verdict is Verdict.WORSE:
        return f"worse: {_against(ground, metrics)}"
    if judgement.verdict is Verdict.EQUAL:
        unmoved = metrics == ground.honest[0]["metrics"]
        return "the number did not move" if unmoved else f"no gain: {_against(ground, metrics)}"
    return judgement.reason


def _against(ground: Ground, metrics: Metrics) -> str:
    name = ground.contract.primary
    return f"{name} {metrics[name]:.6g}, baseline {ground.honest[0]['metrics'][name]:.6g}"
