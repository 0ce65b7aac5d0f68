"""Whether a trial that was measured again agrees with its record: a pure function of numbers.

Guarantee: what agrees does so exactly, or within a noise that is named: the largest of the spread of the recorded
repeats, the metric's `min_delta`, and, for what the supervisor measures from outside, a quarter of the record.
Numbers are compared as a person reads their decimals (see `numbers`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..sandbox.output import RESERVED
from .contract import Contract
from .errors import RefusedError
from .numbers import exact, show
from .project import Project
from .state import State, Trial

OUTSIDE = Fraction(1, 4)  # of the record: clocks and memory differ from run to run even where nothing else does


@dataclass(frozen=True, slots=True)
class Replayed:
    """One trial measured again.

    Attributes:
        trial: Its number.
        recorded: The primary metric as the journal has it.
        measured: The same now; None if it was not measured.
        noise: The largest difference that counts as noise.
        reason: Why there is no number, or none that counts.
    """

    trial: int
    recorded: float
    measured: float | None
    noise: float
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """What is measured now less what was recorded."""
        return None if self.measured is None else float(exact(self.measured) - exact(self.recorded))

    @property
    def agrees(self) -> bool:
        """Whether the record stands."""
        if self.measured is None or self.reason:
            return False
        return abs(exact(self.measured) - exact(self.recorded)) <= exact(self.noise)

    @property
    def text(self) -> str:
        """The same in words."""
        if self.reason:
            return f"no: {self.reason}"
        if self.difference == 0:
            return "exactly"
        within = f"the noise of {show(self.noise)}" if self.noise else "no noise recorded"
        return f"within {within}" if self.agrees else f"no: more than {within}"


def compare(
    contract: Contract, trial: Trial, then: Mapping[str, Any], now: Mapping[str, Any], changed: Sequence[str]
) -> Replayed:
    """Hold a measurement against the record of its trial.

    Args:
        contract: Of the session.
        trial: As the journal has it.
        then: All that was measured of it.
        now: The runs of today, combined.
        changed: What differed after the runs from before; with any of it no number counts.
    """
    name = contract.primary
    value = now["metrics"].get(name) if now["outcome"] == "ok" else None
    reason = now["reason"] or ("" if value is not None else f"{name} was not measured")
    if changed:
        reason = f"{changed[0]} while it ran"
    return Replayed(trial.number, trial.metrics[name], value, _noise(contract, trial, then), reason)


def _noise(contract: Contract, trial: Trial, then: Mapping[str, Any]) -> float:
    name = contract.primary
    runs = [exact(run[name]) for run in then.get("runs", ()) if name in run]
    spread = max(runs) - min(runs) if runs else Fraction(0)
    outside = OUTSIDE * abs(exact(trial.metrics[name])) if name in RESERVED else Fraction(0)
    return float(max(spread, exact(contract.metrics[name].min_delta), outside))


def chosen(state: State, number: int | None) -> list[Trial]:
    """The trials to measure again: every kept one, or the one of that number.

    Raises:
        RefusedError: If there is none with a number to compare with.
    """
    if number is None:
        if not state.kept:
            raise RefusedError("replay: no trial of this session was kept, not even the baseline.")
        return state.kept
    trial = state.trials.get(number)
    if trial is None or trial.failed or not trial.measured:
        have = ", ".join(str(one.number) for one in state.trials.values() if one.measured and not one.failed)
        raise RefusedError(
            f"replay: no measured trial {number} in session {state.opened.tag}; expected one of: {have}."
        )
    return [trial]


def recorded_text(project: Project, state: State, trial: Trial) -> str:
    """The target as the trial's commit holds it.

    Raises:
        RefusedError: If that is not what the journal says was measured.
    """
    opened = state.opened
    entry = project.repository.target_entry(project.base(trial.commit), opened.target)
    if entry.oid != trial.blob:
        raise RefusedError(
            f"replay: commit {trial.commit[:7]} of trial {trial.number} holds another {opened.target} "
            "than was measured. Run `referee audit --verify`."
        )
    return project.repository.text(entry.oid, opened.target)
