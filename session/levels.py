"""Whether an evaluator may be served by a stand-in: its baseline is measured with one and without, and compared.

Guarantee: the higher level is taken only if both agree, and the evaluator does not read the target's text. Where the
lower one has to be taken, the reason is a sentence that the journal keeps; where that would show private data or
secrets to the target's code, it is not taken.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from ..sandbox.output import RESERVED
from ..sandbox.spec import Measurement
from .integrity import Integrity
from .numbers import show
from .opened import Opened

_CLOSE = 1e-9
# Calls through a stand-in take longer; a time that is this much longer measures the stand-in.
_SLOWER = 2.0
_TIMES = frozenset({"seconds"})

Run = Callable[[Opened], Awaitable[list[Measurement]]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a baseline settled: the ground of all trials, its runs, and why the level is lower than hoped."""

    opened: Opened
    runs: list[Measurement]
    reason: str = ""


def lowered(opened: Opened) -> Opened:
    """The same, with the target in the evaluator's own world."""
    return replace(opened, jail=None, integrity=Integrity.SELF_REPORTED)


async def chosen(run: Run, opened: Opened, void: str = "") -> Chosen:
    """Measure the baseline at the highest level that its evaluator allows.

    Args:
        run: Measures every repeat of the baseline on that ground.
        opened: What the session is bound to.
        void: Why a stand-in would make a check of the evaluator void, as far as its text tells (`source_reading`).
    """
    contract = opened.contract
    fixed = opened.jail is None or contract.evaluate.integrity is not None
    if fixed or contract.sandbox.private or contract.evaluate.secrets:
        return Chosen(opened, await run(opened))
    below = lowered(opened)
    if void:
        return Chosen(below, await run(below), void)
    direct = await run(below)
    runs = await run(opened)
    if _failed(direct) or not (reason := _difference(opened, [runs], [direct])):
        return Chosen(opened, runs)
    if not _failed(runs):
        again = await run(opened)
        later = await run(below)
        if not (reason := _difference(opened, [runs, again], [direct, later])):
            return Chosen(opened, again)
        direct = later
    return Chosen(below, direct, reason)


def _failed(runs: Sequence[Measurement]) -> bool:
    return runs[-1].outcome != "ok"


def _difference(opened: Opened, proxied: Sequence[list[Measurement]], direct: Sequence[list[Measurement]]) -> str:
    """Say how the runs with a stand-in differ from those without; an empty text where they agree."""
    failed = next((runs[-1] for runs in proxied if _failed(runs)), None)
    if failed is not None:
        return "; ".join(["the evaluator does not run with a stand-in for the target", failed.reason, *failed.notes])
    for name in opened.contract.metrics:
        ours, theirs = (_values(many, name) for many in (proxied, direct))
        if name not in RESERVED and not _agree(name, ours, theirs):
            return f"{name} is {show(ours[0])} with a stand-in for the target and {show(theirs[0])} without"
    return ""


def _values(many: Sequence[list[Measurement]], name: str) -> list[float]:
    return [run.metrics[name] for runs in many for run in runs if name in run.metrics]


def _agree(name: str, ours: list[float], theirs: list[float]) -> bool:
    """Whether the values of one side lie where those of the other do, give or take what each side scatters."""
    if name in _TIMES:
        return min(ours) <= _SLOWER * max(theirs)
    scatter = max(max(ours) - min(ours), max(theirs) - min(theirs))
    room = scatter + _CLOSE * max(abs(value) for value in (*ours, *theirs))
    return min(ours) <= max(theirs) + room and min(theirs) <= max(ours) + room
