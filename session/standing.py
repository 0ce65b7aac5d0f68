"""What every reply says of the budget: spent, left, estimated, and a word of warning near the end.

Guarantee: it is small, whatever the number of trials, and what is left is never negative.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from . import budget, ending
from .budget import HOUR, BudgetState, Instant, Spent
from .limits import Budget
from .numbers import show
from .shapes import is_table
from .state import State

_NEAR = 0.9
_FEW = 3


def facts(limits: Budget, state: State | None, at: Instant) -> tuple[dict[str, Any], bool]:
    """The budget as data, and whether the session may go on.

    Args:
        limits: Those in force.
        state: Of the session, or None before there is one.
        at: The moment that is asked about.
    """
    spent = state.spent(at) if state else Spent()
    check = ending.check(state, at) if state else budget.check(limits, spent)
    mean = state.measured_seconds / state.measured if state and state.measured else 0.0
    trials = budget.estimate_trials(limits, spent, mean)
    seconds = budget.estimate_seconds(limits, spent, mean)
    over = check.exhausted
    told: dict[str, Any] = {
        "experiments_spent": spent.experiments,
        "experiments_left": check.left.experiments,
        "seconds_spent": round(spent.seconds, 1),
        "seconds_left": None if check.left.seconds is None else round(check.left.seconds, 1),
        "cost_usd_spent": round(spent.cost_usd, 6),
        "cost_usd_left": check.left.cost_usd,
        "crashes_in_a_row_left": check.left.consecutive_crashes,
        "trials_left_estimate": 0 if over else trials,
        "hours_left_estimate": 0.0 if over else None if seconds is None else round(seconds / HOUR, 3),
        "reason": check.reason,
    }
    if state is not None:
        told |= _further(state) | ({} if over else _words(state, spent, check, trials))
    return told, not over


def _further(state: State) -> dict[str, Any]:
    account, limits = state.account, state.budget
    known = {
        "cost_usd_by_source": {source: round(usd, 6) for source, usd in account.counted.items()},
        "costs_accounted_by": account.client,
        "trials_without_keep": None if limits.plateau is None else state.without_keep,
        "goal": limits.goal,
    }
    return {name: value for name, value in known.items() if value not in (None, "", {})}


def _words(state: State, spent: Spent, check: BudgetState, trials: int | None) -> dict[str, Any]:
    near = [said for used, said in _used(state, spent, check) if used >= _NEAR]
    words = {"warning": _warning(trials, near), "nudge": _nudge(state)}
    return {name: text for name, text in words.items() if text}


def _used(state: State, spent: Spent, check: BudgetState) -> Iterator[tuple[float, str]]:
    """How much of each limit is used, as a share, and in words."""
    limits, left = state.budget, check.left
    if limits.max_experiments is not None:
        used = spent.experiments / limits.max_experiments
        yield used, f"{spent.experiments} of {limits.max_experiments} experiments"
    if limits.max_wall_clock_hours is not None:
        used = spent.seconds / HOUR / limits.max_wall_clock_hours
        yield used, f"{show(limits.max_wall_clock_hours)} h: {int(used * 100)} % used"
    if limits.max_cost_usd is not None:
        used = spent.cost_usd / limits.max_cost_usd
        yield used, f"${show(limits.max_cost_usd)}: {int(used * 100)} % used"
    if limits.max_consecutive_crashes is not None and left.consecutive_crashes is not None:
        used = spent.consecutive_crashes / limits.max_consecutive_crashes
        yield used, f"{spent.consecutive_crashes} of {limits.max_consecutive_crashes} crashes in a row"
    if limits.plateau is not None and limits.plateau.action == "stop":
        used = state.without_keep / limits.plateau.trials
        yield used, f"{state.without_keep} of {limits.plateau.trials} trials without a keep"


def _warning(trials: int | None, near: list[str]) -> str:
    few = trials is not None and trials < _FEW
    if not (few or near):
        return ""
    about = "" if trials is None else f"about {trials} trial{'' if trials == 1 else 's'} left"
    about = "less than one trial left" if trials == 0 else about
    limits = ", ".join(near)
    return f"{about} ({limits})" if about and limits else about or limits


def _nudge(state: State) -> str:
    plateau = state.budget.plateau
    if plateau is None or plateau.action != "nudge" or state.without_keep < plateau.trials:
        return ""
    return (
        f"{state.without_keep} trials in a row brought nothing to keep: read_results shows what was tried; "
        "try another direction"
    )


def lines(told: Mapping[str, Any]) -> list[str]:
    """The same as text, a line for each thing that is known."""
    return [f"{name.replace('_', ' ')}: {_said(value)}" for name, value in told.items() if value not in (None, "")]


def _said(value: object) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in value.items()) if is_table(value) else str(value)
