"""How honest a number is: which code could have forged it, told from the contract alone.

Guarantee: a level is never higher than what the sandbox does for it. The level of a session is that of its weakest
metric, guards included: one forged guard is enough to keep a bad trial.
"""

from collections.abc import Iterable
from enum import StrEnum

from ..sandbox.output import RESERVED
from ..sandbox.spec import Level
from .consistency import KeyedError
from .measuring import Evaluate, Target


class Integrity(StrEnum):
    """The levels, weakest first."""

    SELF_REPORTED = "self-reported"
    MEASURED = "measured"
    PROXIED = "proxied"
    SEALED = "sealed"

    def covers(self, other: "Integrity") -> bool:
        """Whether this level promises at least as much as another."""
        order = list(Integrity)
        return order.index(self) >= order.index(other)


PROMISES = {
    Integrity.SELF_REPORTED: "target and evaluator run together; the number is as honest as the target's code",
    Integrity.MEASURED: "taken by Referee from outside; the target cannot forge it",
    Integrity.PROXIED: "the evaluator never runs the target's code: they exchange data only",
    Integrity.SEALED: "the number comes from a phase in which no code of the target runs",
}
_UNCHECKED = "unchecked: nothing asks whether the result is right, so doing nothing would win; add a guard"
_WAY_UP = "to raise it, let the command leave artifacts and add evaluate.score (docs/integrity.md)"


def reported(target: Target, evaluate: Evaluate, minimum: Level) -> Integrity:
    """The level of a number that the evaluator reports, where at least so much confines it."""
    if evaluate.score is not None or target.kind == "data":
        return Integrity.SEALED
    separate = evaluate.command is None and minimum is not Level.NONE and evaluate.integrity != "self-reported"
    return Integrity.PROXIED if separate else Integrity.SELF_REPORTED


def level(reported: Integrity, metrics: Iterable[str]) -> Integrity:
    """The level of metrics of these names, where what the evaluator reports is of that level."""
    return min((Integrity.MEASURED if name in RESERVED else reported for name in metrics), key=list(Integrity).index)


def unchecked(metrics: Iterable[str]) -> bool:
    """Whether only time and memory count, whatever comes out."""
    return set(metrics) <= RESERVED


def promise(found: Integrity, metrics: Iterable[str]) -> str:
    """A sentence on what a level promises, and where it is low, how to raise it."""
    if found is Integrity.MEASURED and unchecked(metrics):
        return f"{PROMISES[found]}; {_UNCHECKED}"
    return f"{PROMISES[found]}; {_WAY_UP}" if found is Integrity.SELF_REPORTED else PROMISES[found]


def refuse_weaker(target: Target, evaluate: Evaluate, minimum: Level, metrics: Iterable[str]) -> None:
    """Refuse a contract that insists on more than its evaluator gives, or hands secrets to the target's code."""
    base = reported(target, evaluate, minimum)
    found = level(base, metrics)
    if evaluate.integrity and not found.covers(wanted := Integrity(evaluate.integrity)):
        raise KeyedError("evaluate.integrity", f"this evaluator gives {found}, not {wanted}: {promise(found, metrics)}")
    if evaluate.secrets and base is Integrity.SELF_REPORTED:
        raise KeyedError(
            "evaluate.secrets",
            "the target's code would run beside them: add evaluate.score, or a target of kind: data",
        )
