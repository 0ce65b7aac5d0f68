"""When to wait, and when to give up: plain arithmetic over the runs of a client."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a night is; seconds, apart from `failures`.

    Attributes:
        first: Wait after the first failure in a row; each further one doubles it.
        most: The longest of these waits.
        failures: Runs in a row without any trial after which it gives up.
        limits: The same for runs that met a rate limit which named no time, or a long one: twelve hours and more.
        longest: The longest wait for a time that a client names; then it is tried again, for the time may be none.
        polite: How long a client has to end after SIGINT, and again after SIGTERM.
        grace: How long a client may go on talking once the session is over.
        tick: How often the journal is looked at.
        lost: How long after its limit a trial may still count as running; then its server has gone.
    """

    first: float = 5.0
    most: float = 600.0
    failures: int = 10
    limits: int = 72
    longest: float = 3600.0
    polite: float = 5.0
    grace: float = 10.0
    tick: float = 0.25
    lost: float = 120.0


@dataclass(slots=True)
class Patience:
    """Failures in a row, as far as they matter."""

    pace: Pace
    failures: int = 0
    limits: int = 0

    def wait(self, *, trials: int, failed: bool, named: float | None, limited: bool = False) -> float:
        """Seconds to wait after a run.

        Args:
            trials: How many it began.
            failed: Whether it ended otherwise than a client should.
            named: Seconds that a rate limit names, if there is one.
            limited: Whether it met a rate limit, or an overloaded service, with or without a time.
        """
        if trials:
            self.failures = self.limits = 0
        if not failed and trials:
            return 0.0
        if limited and (named is None or named > self.pace.most):
            self.limits += not trials
            return self.pace.most if named is None else min(named + self.pace.first, self.pace.longest)
        self.failures += not trials
        if named is not None:
            return named + self.pace.first  # too early by a moment, "resets 3am" would mean tomorrow
        return min(self.pace.first * 2.0 ** (max(self.failures, 1) - 1), self.pace.most)

    @property
    def exhausted(self) -> bool:
        """Whether it is time to give up."""
        return self.failures >= self.pace.failures or self.limits >= self.pace.limits

    @property
    def in_vain(self) -> int:
        """Runs in a row without any trial."""
        return self.failures + self.limits
