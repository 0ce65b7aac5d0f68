"""What is spent, what is left, and the clock behind it: pure arithmetic, apart from `now`.

Guaranteed: a state is exhausted as soon as one limit is reached; what is left is never negative; a session's elapsed
time never decreases, whatever happens to the wall clock. Edge: between two boots only the wall clock is there, so
a clock that was wound back then loses the time between them.
"""

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from .contract import Budget
from .errors import RefusedError

HOUR = 3600.0
MANY = 1_000_000_000
_LEAST_SECONDS = 0.001  # the journal rounds its clock to milliseconds
_Amount = TypeVar("_Amount", int, float)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a session has used: trials without the baseline, seconds of real time, dollars, crashes in a row.

    Raises ValueError for an amount that is negative or not finite, because such an amount never reaches a limit.
    """

    experiments: int = 0
    seconds: float = 0.0
    cost_usd: float = 0.0
    consecutive_crashes: int = 0

    def __post_init__(self) -> None:
        amounts = (self.experiments, self.seconds, self.cost_usd, self.consecutive_crashes)
        if not all(math.isfinite(amount) and amount >= 0 for amount in amounts):
            raise ValueError(f"expected amounts that are finite and not negative, found {self}")


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of each limit, never negative; None where there is no limit."""

    experiments: int | None
    seconds: float | None
    cost_usd: float | None
    consecutive_crashes: int | None


@dataclass(frozen=True, slots=True)
class BudgetState:
    """Whether a session is over, why (empty if it is not), what is left, and what a person can do about its end."""

    exhausted: bool
    reason: str
    left: Left
    headline: str = "the budget is used up"
    remedy: str = "a person can add more with `referee extend`"

    @property
    def seconds_left(self) -> float | None:
        """Seconds of real time left, None without such a limit."""
        return self.left.seconds


def check(budget: Budget, spent: Spent) -> BudgetState:
    """Compare what is spent with every limit; a limit that is reached exactly is exhausted."""
    seconds = None if budget.max_wall_clock_hours is None else budget.max_wall_clock_hours * HOUR
    left = Left(
        experiments=_left(budget.max_experiments, spent.experiments),
        seconds=_left(seconds, spent.seconds),
        cost_usd=_payable(_left(budget.max_cost_usd, spent.cost_usd), budget.usd_per_hour),
        consecutive_crashes=_left(budget.max_consecutive_crashes, spent.consecutive_crashes),
    )
    reached = [
        text
        for amount, text in (
            (left.experiments, f"{spent.experiments} of {budget.max_experiments} experiments"),
            (left.seconds, f"{spent.seconds / HOUR:.2f} of {budget.max_wall_clock_hours} hours"),
            (left.cost_usd, f"${spent.cost_usd:.2f} of ${budget.max_cost_usd}"),
            (left.consecutive_crashes, f"{spent.consecutive_crashes} crashes in a row"),
        )
        if amount == 0
    ]
    return BudgetState(exhausted=bool(reached), reason=", ".join(reached), left=left)


def _left(limit: _Amount | None, used: _Amount) -> _Amount | None:
    return None if limit is None else max(limit - used, limit - limit)


def _payable(usd: float | None, usd_per_hour: float | None) -> float | None:
    """Dollars left, or 0 where they pay for no measuring: a rounding error is no trial."""
    return 0.0 if usd and usd_per_hour and usd / usd_per_hour * HOUR < _LEAST_SECONDS else usd


def trial_limit(budget: Budget, spent: Spent, timeout: float) -> float:
    """Seconds that the next trial may take: its timeout, or less if less is left; 0 if nothing is left.

    What is left are seconds of real time, and those of measuring that the dollars left pay for.
    """
    left = check(budget, spent).left
    limits = [timeout, left.seconds]
    if left.cost_usd is not None and budget.usd_per_hour is not None:
        limits.append(left.cost_usd / budget.usd_per_hour * HOUR)
    return min(limit for limit in limits if limit is not None)


def estimate_trials(budget: Budget, spent: Spent, mean_trial_seconds: float) -> int | None:
    """Trials that still fit, if they go on taking and costing what they did; None without a limit that tells."""
    state = check(budget, spent)
    if state.exhausted:
        return 0
    fits: list[int] = []
    if state.left.experiments is not None:
        fits.append(state.left.experiments)
    if state.left.seconds is not None and mean_trial_seconds > 0:
        fits.append(int(min(state.left.seconds / mean_trial_seconds, MANY)))
    each = _usd_of_a_trial(budget, spent, mean_trial_seconds)
    if state.left.cost_usd is not None and each > 0:
        fits.append(int(min(state.left.cost_usd / each, MANY)))
    return min(fits, default=None)


def _usd_of_a_trial(budget: Budget, spent: Spent, seconds: float) -> float:
    so_far = spent.cost_usd / spent.experiments if spent.experiments else 0.0
    return max(so_far, (budget.usd_per_hour or 0.0) * seconds / HOUR)


def estimate_seconds(budget: Budget, spent: Spent, mean_trial_seconds: float) -> float | None:
    """Seconds that the session still takes, if its trials go on taking what they did; None without a limit that tells.

    Edge: what an agent thinks between two trials is not foreseen, unless real time is what runs out.
    """
    left, trials = check(budget, spent).seconds_left, estimate_trials(budget, spent, mean_trial_seconds)
    measuring = None if trials is None or mean_trial_seconds <= 0 else trials * mean_trial_seconds
    return min((seconds for seconds in (left, measuring) if seconds is not None), default=None)


def extend(
    budget: Budget,
    *,
    experiments: int | None = None,
    hours: float | None = None,
    usd: float | None = None,
    goal: float | None = None,
) -> Budget:
    """The budget with limits raised by these amounts, and another goal; what has no limit keeps none.

    Raises:
        RefusedError: If an amount is not above 0 or more than a budget can hold, or the goal is no finite number.
    """
    limits = {
        "goal": _another(budget.goal, goal),
        "max_experiments": _raised("experiments", budget.max_experiments, experiments),
        "max_wall_clock_hours": _raised("hours", budget.max_wall_clock_hours, hours),
        "max_cost_usd": _raised("usd", budget.max_cost_usd, usd),
    }
    try:
        return Budget.model_validate(budget.model_dump() | limits)
    except ValidationError as fault:
        key = fault.errors()[0]["loc"][0]
        raise RefusedError(f"extend: {key} would be {limits[str(key)]}, more than a budget can hold") from None


def _another(goal: float | None, wanted: float | None) -> float | None:
    if wanted is None:
        return goal
    if not abs(wanted) <= sys.float_info.max:
        raise RefusedError("extend: goal: expected a finite number")
    return float(wanted)


def _raised(name: str, limit: _Amount | None, more: _Amount | None) -> _Amount | None:
    if more is None:
        return limit
    if not 0 < more < math.inf:
        raise RefusedError(f"extend: {name}: found {more}, expected a number above 0")
    try:
        return None if limit is None else limit + more
    except OverflowError:
        raise RefusedError(
            f"extend: {name}: found a number of {len(str(more))} digits, more than a budget can hold"
        ) from None


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment by two clocks: seconds of UTC since 1970, and seconds since the boot that `boot_id` names."""

    utc: float
    boot_id: str
    uptime: float


def now() -> Instant:
    """This moment. The uptime counts suspended time and cannot be set. Linux only."""
    boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
    return Instant(utc=time.time(), boot_id=boot_id, uptime=time.clock_gettime(time.CLOCK_BOOTTIME))


def advance(elapsed: float, before: Instant, after: Instant) -> float:
    """Elapsed seconds at `after`, if they were `elapsed` at `before`; never less."""
    same_boot = before.boot_id == after.boot_id
    passed = after.uptime - before.uptime if same_boot else after.utc - before.utc
    return elapsed + max(0.0, passed)
