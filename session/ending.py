"""Whether a session is over, why, and what is left: the one answer that server, tools and commands give.

Guarantee: it depends on the state and the moment alone. What is over by its budget, its plateau or its goal stays over
until a person extends it; what the person stopped, until the person resumes.
"""

from . import budget
from .budget import BudgetState, Instant
from .contract import Contract
from .feedback import shown
from .limits import Budget
from .numbers import exact, show
from .state import State

_MORE = "a person can go on with `referee extend`"
_OTHER_GOAL = "a person can set another goal with `referee extend --goal`, or open another session with --tag"
_RESUME = "a person can go on with `referee resume`"


def check(state: State, at: Instant) -> BudgetState:
    """Whether the session is over at that moment, for which reasons, and what is left of every limit."""
    spent = budget.check(state.budget, state.spent(at))
    others = {_MORE: plateau(state), _OTHER_GOAL: goal(state), _RESUME: state.stopped}
    reasons = [reason for reason in (spent.reason, *others.values()) if reason]
    ways = [spent.remedy] if spent.exhausted else []
    ways += [way for way, reason in others.items() if reason and not (way == _MORE and ways)]
    only_budget = reasons == [spent.reason]
    return BudgetState(
        exhausted=bool(reasons),
        reason=", ".join(reasons),
        left=spent.left,
        headline=spent.headline if only_budget else "the session is over",
        remedy="; ".join(ways) or spent.remedy,
    )


def plateau(state: State) -> str:
    """Which plateau ends the session; empty if none does."""
    limit = state.budget.plateau
    if limit is None or limit.action != "stop" or state.without_keep < limit.trials:
        return ""
    return f"{state.without_keep} trials in a row without a keep (plateau)"


def goal(state: State) -> str:
    """Which goal is reached, and by what; empty if none is."""
    best, contract = state.best_trial, state.opened.contract
    wanted, value = state.budget.goal, best.metrics.get(contract.primary) if best else None
    if best is None or wanted is None or value is None:
        return ""
    higher = contract.metrics[contract.primary].goal == "maximize"
    if exact(value) < exact(wanted) if higher else exact(value) > exact(wanted):
        return ""
    who = f"trial {best.number}" if best.number else "the baseline already"
    return f"{who} reaches the goal: {contract.primary} {show(shown(contract, value))}, goal {show(wanted)}"


def conditions(limits: Budget, contract: Contract) -> list[str]:
    """What besides the limits ends the session, for an agent that sees it for the first time."""
    said: list[str] = []
    if limits.goal is not None:
        sign = ">=" if contract.metrics[contract.primary].goal == "maximize" else "<="
        said.append(f"the best reaches {contract.primary} {sign} {show(limits.goal)}")
    if limits.plateau is not None and limits.plateau.action == "stop":
        said.append(f"{limits.plateau.trials} trials in a row bring no keep")
    return said
