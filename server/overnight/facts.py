"""What a night tells as data: of a trial, of a run, of its end. The commands of `--on-trial` and `--on-end` get it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...session import budget, standing
from ...session.contract import Contract
from ...session.state import Decision, State, Trial


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a night is over, and the exit code of the command; `quote` is what the client said last, if that matters."""

    reason: str
    code: int = 0
    quote: str = ""


@dataclass(slots=True)
class Tally:
    """What happened in a night, apart from the session's whole record: trials decided, kept, crashed; runs."""

    trials: int = 0
    kept: int = 0
    crashes: int = 0
    runs: int = 0

    def count(self, trial: Trial) -> None:
        """Count a decided trial; the baseline is none."""
        if trial.number:
            self.trials += 1
            self.kept += trial.decision is Decision.KEEP
            self.crashes += trial.decision is Decision.CRASH


def of_trial(state: State, trial: Trial, best_before: float | None) -> dict[str, Any]:
    """A decided trial; `change` is its primary metric minus the best value before it."""
    contract = state.opened.contract
    value = trial.metrics.get(contract.primary)
    change = None if value is None or best_before is None else value - best_before
    return {
        "event": "trial",
        "tag": state.opened.tag,
        "trial": trial.number,
        "metric": contract.primary,
        "value": value,
        "change": change,
        "metrics": metrics(trial, contract),
        "verdict": trial.verdict,
        "decision": str(trial.decision),
        "reason": trial.reason,
        "seconds": round(trial.seconds, 3),
        "description": trial.row or trial.description,
        "commit": trial.commit,
    } | _standing(state)


def of_end(state: State | None, tag: str, tally: Tally, ended: Ended) -> dict[str, Any]:
    """The end of a night."""
    told: dict[str, Any] = {
        "event": "end",
        "tag": tag,
        "reason": ended.reason,
        "exit": ended.code,
        "trials": tally.trials,
        "kept": tally.kept,
        "crashes": tally.crashes,
        "runs": tally.runs,
        "quote": ended.quote,
    }
    if state is None:
        return told
    contract = state.opened.contract
    gain = _gain(state, contract.primary)
    return told | {
        "metric": contract.primary,
        "goal": contract.metrics[contract.primary].goal,
        **gain,
        **_standing(state),
    }


def metrics(trial: Trial, contract: Contract) -> dict[str, float]:
    """The metrics of the contract alone; evaluated code may print any others."""
    return {name: trial.metrics[name] for name in contract.metrics if name in trial.metrics}


def best_value(state: State | None) -> float | None:
    """The primary metric of the best, None before there is one."""
    best = state.best_trial if state else None
    return best.metrics.get(state.opened.contract.primary) if best and state else None


def _gain(state: State, primary: str) -> dict[str, Any]:
    """How far the best is from the baseline: the difference, and the same as a share of the baseline."""
    first, best = state.baseline, best_value(state)
    start = first.metrics.get(primary) if first else None
    if start is None or best is None:
        return {"gain": None, "gain_percent": None}
    change = best - start
    return {"gain": change, "gain_percent": 100 * change / abs(start) if start else None}


def _standing(state: State) -> dict[str, Any]:
    contract = state.opened.contract
    spent, goes_on = standing.facts(state.budget, state, budget.now())
    known: Mapping[str, Trial | None] = {"baseline": state.baseline, "best": state.best_trial}
    shown = {
        name: {"trial": trial.number, "commit": trial.commit, "metrics": metrics(trial, contract)}
        for name, trial in known.items()
        if trial
    }
    return {**shown, "budget": spent, "continue": goes_on}


def of_progress(state: State, doing: str) -> dict[str, Any]:
    """Where the session stands at this moment."""
    metric = state.opened.contract.primary
    return {"metric": metric, "best_value": best_value(state), "doing": doing} | _standing(state)
