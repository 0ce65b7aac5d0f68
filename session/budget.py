"""What is spent, what is left, and the clock behind it: pure arithmetic, apart from `now`.

Guaranteed: a state is exhausted as soon as one limit is reached; what is left is never negative; a session's elapsed
time never decreases, whatever happens to the wall clock. Edge: between two boots only the wall clock is there, so
a clock that was wound back then loses the time between them.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from .contract import Budget
from .errors import RefusedError

HOUR = 3600.0
MANY = 1_000_000_000
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
    """Whether a session is over, by which limits (empty if it is not), and what is left."""

    exhausted: bool
    reason: str
    left: Left

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
        cost_usd=_left(budget.max_cost_usd, spent.cost_usd),
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


def trial_limit(budget: Budget, spent: Spent, timeout: float) -> float:
    """Seconds that the next trial may take: the smaller of its timeout and what is left; 0 if nothing is left."""
    left = check(budget, spent).seconds_left
    return timeout if left is None else min(timeout, left)


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
    if state.left.cost_usd is not None and spent.cost_usd > 0 and spent.experiments > 0:
        fits.append(int(min(state.left.cost_usd / spent.cost_usd * spent.experiments, MANY)))
    return min(fits, default=None)


def extend(
    budget: Budget, *, experiments: int | None = None, hours: float | None = None, usd: float | None = None
) -> Budget:
    """The budget with limits raised by these amounts; what has no limit keeps none. Raises RefusedError."""
    limits = {
        "max_experiments": _raised("experiments", budget.max_experiments, experiments),
        "max_wall_clock_hours": _raised("hours", budget.max_wall_clock_hours, hours),
        "max_cost_usd": _raised("usd", budget.max_cost_usd, usd),
    }
    try:
        return Budget.model_validate(budget.model_dump() | limits)
    except ValidationError as fault:
        key = fault.errors()[0]["loc"][0]
        raise RefusedError(f"extend: {key} would be {limits[str(key)]}, more than a budget can hold") from None


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
