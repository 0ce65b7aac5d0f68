"""What to change where a cheat paid: one sentence for each thing that is wrong."""

from collections.abc import Iterable
from typing import Any

from ..session.contract import Contract
from ..session.integrity import Integrity, unchecked
from .attack_decide import Finding, Status
from .cheats import Group

_SEPARATE = (
    "the target's code runs beside what reports the number: let evaluate.command leave artifacts and add "
    "evaluate.score, which judges them where no code of the target runs (docs/integrity.md)"
)
_UNCHECKED = "only time and memory count, whatever comes out: add a guard on the result (role: guard)"
_OURS = "this level should make it impossible: please report it, with the output of `referee check --attack --json`"
_FORGERIES = frozenset({Group.REPORT, Group.INSIDE, Group.FILES})
_REMEDIES = {
    Group.NOTHING: (
        "the evaluator rewards doing nothing: refuse missing, empty and constant answers, or add a guard that they fail"
    ),
    Group.NOT_FINITE: (
        "the evaluator takes NaN or infinity for a good answer: check that numbers are finite before comparing them "
        "(`if error > limit` is false for NaN; `if not error <= limit` is true)"
    ),
    Group.ROWS: (
        "the scorer takes artifacts as they come: check number, order, uniqueness and range of the rows against what "
        "was asked for"
    ),
    Group.LOADED: (
        "loading the artifact executes code in it: use a format that holds data only (CSV, JSON, npy with "
        "allow_pickle=False, safetensors)"
    ),
    Group.CONTENT: "the evaluator takes content as it comes: check type, length and range before scoring it",
    Group.PERSUASION: (
        "the judge follows what the target says: hand it over as quoted data, or let a program decide the number"
    ),
    Group.LEFT: "nothing keeps runs apart on this machine: set sandbox.minimum: isolated, and see `referee check`",
    Group.TIME: "the evaluator counts running out of time as a result: let it fail instead",
}
_READABLE = "the target can read what it is to find out: name these files in sandbox.private"
_NEEDS_SCORE = ", which needs evaluate.score, or an evaluator that calls the target"


def remedies(contract: Contract, findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Each remedy once, with the cheats that it is for, in the order of the first of them."""
    found: dict[str, list[str]] = {}
    for one in findings:
        if one.status in {Status.PAID, Status.READABLE}:
            found.setdefault(remedy(contract, one), []).append(one.name)
    return [{"do": do, "for": names} for do, names in found.items()]


def remedy(contract: Contract, finding: Finding) -> str:
    """What would stop a cheat that paid."""
    if finding.group is Group.READING:
        return _READABLE + (_NEEDS_SCORE if contract.reported is Integrity.SELF_REPORTED else "")
    if unchecked(contract.metrics):
        return _UNCHECKED
    if finding.group in _FORGERIES:
        return _SEPARATE if contract.reported is Integrity.SELF_REPORTED else _OURS
    return _REMEDIES[finding.group]
