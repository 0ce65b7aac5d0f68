"""Dollars by their source, and which of them count: pure arithmetic on plain data.

Guarantee: no amount that counts is negative or not finite, and no report of an agent counts beside the accounting of
the client that it ran in. Sources, by what they are worth:

- `enforced`: the client's own accounting of one of its runs, as `referee overnight` reads it.
- `machine`: seconds of measuring, taken by Referee, times `usd_per_hour` of the budget.
- `evaluator`: what the evaluator prints as `eval_cost_usd`; as honest as the evaluator.
- `reported`: what the agent says with a row; as honest as the agent.

Edge: an evaluator that crashes or is killed reports nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..sandbox.output import EVAL_COST
from .errors import RefusedError

REPORTED, ENFORCED, EVALUATOR, MACHINE = "reported", "enforced", "evaluator", "machine"
MAX_USD = 1_000_000.0  # one trial, or one run of a client; sums of what nobody bounds would reach infinity
_HOUR = 3600.0
_MOST_CHARS = 40

Dollars = dict[str, float]


def fault(name: str, usd: float) -> str:
    """Why this is no amount of dollars for one trial or run; empty if it is one."""
    if not math.isfinite(usd) or usd < 0:
        return f"{name} is {usd:g}; expected dollars, 0 or more"
    return f"{name} is {usd:g}; expected dollars, at most {MAX_USD:g} for one trial" if usd > MAX_USD else ""


def evaluator_fault(runs: Sequence[Mapping[str, float]]) -> str:
    """Why what the runs of a trial printed as their cost is no amount; empty if nothing is wrong with it."""
    return next((said for run in runs if EVAL_COST in run and (said := fault(EVAL_COST, run[EVAL_COST]))), "")


def of_trial(measurement: Mapping[str, Any], seconds: float, usd_per_hour: float | None) -> Dollars:
    """What a trial cost by source, whatever became of it; sources that cost nothing are left out.

    A baseline that `referee check` measured was paid for before the session, so it costs nothing here.
    """
    if measurement.get("rehearsed"):
        return {}
    printed = [run[EVAL_COST] for run in measurement.get("runs", ()) if EVAL_COST in run]
    found = {
        EVALUATOR: math.fsum(usd for usd in printed if not fault(EVAL_COST, usd)),
        MACHINE: max(seconds, 0.0) * (usd_per_hour or 0.0) / _HOUR,
    }
    return {source: usd for source, usd in found.items() if usd > 0}


def named(dollars: Mapping[str, float]) -> str:
    """The amounts with their sources, such as `$0.50 reported, $0.02 machine`."""
    return ", ".join(f"{show(usd)} {source}" for source, usd in dollars.items())


def show(usd: float) -> str:
    """Dollars with two digits behind the point, and with more where that would be nothing."""
    return f"${usd:.2f}" if usd == 0 or usd >= 0.01 else f"${usd:.2g}"  # noqa: PLR2004 - a cent


def checked_client(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a `client` record holds of a message of that kind.

    Raises:
        RefusedError: If it is not of the form that `Account.told` takes.
    """
    event, client, accounts, usd = (data.get(name) for name in ("event", "client", "accounts", "usd"))
    if event not in ("started", "ended"):
        raise RefusedError("client: event is neither started nor ended")
    if not isinstance(client, str) or not 0 < len(client) <= _MOST_CHARS:
        raise RefusedError("client: client is no name")
    if not isinstance(accounts, bool):
        raise RefusedError("client: accounts is neither true nor false")
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not 0 <= usd <= MAX_USD:
        raise RefusedError(f"client: usd: expected dollars, from 0 to {MAX_USD:g}")
    return {"event": event, "client": client, "accounts": accounts, "usd": float(usd)}


@dataclass(slots=True)
class Account:
    """The dollars of a session.

    While a client runs that keeps an account of its own, the agent's reports are withheld. They count after all if
    that run ends without dollars of its own, or if its end never comes: the next start tells.

    Attributes:
        counted: Dollars that count, by source.
        withheld: Reports of the client's present run by trial, which count only if its own accounting does not come.
        client: The client that keeps an account now; empty if none does.
        apart: What of `counted` belongs to no trial: runs of clients, and baselines that failed.
    """

    counted: Dollars = field(default_factory=dict[str, float])
    withheld: Dollars = field(default_factory=dict[str, float])
    client: str = ""
    apart: Dollars = field(default_factory=dict[str, float])

    @property
    def total(self) -> float:
        """Everything that counts."""
        return math.fsum(self.counted.values())

    def add(self, dollars: Mapping[str, float], *, apart: bool = False) -> None:
        """Count these amounts, of a trial or apart from all trials."""
        for source, usd in dollars.items():
            self.counted[source] = self.counted.get(source, 0.0) + usd
            if apart:
                self.apart[source] = self.apart.get(source, 0.0) + usd

    def report(self, trial: int, usd: float) -> Dollars:
        """Take a report of the agent, and return what of it counts at once."""
        if self.client:
            self.withheld[str(trial)] = self.withheld.get(str(trial), 0.0) + usd
            return {}
        self.add({REPORTED: usd})
        return {REPORTED: usd}

    def told(self, event: str, client: str, usd: float, *, accounts: bool) -> Dollars:
        """Take the start or the end of a client's run, and return the reports that count after all, by trial."""
        late = self.withheld if event == "started" or usd == 0 else {}
        self.add({REPORTED: math.fsum(late.values())} if late else {})
        self.add({ENFORCED: usd} if event == "ended" and usd > 0 else {}, apart=True)
        self.withheld = {}
        self.client = client if event == "started" and accounts else ""
        return late
