"""The fold of a journal, record by record, to the state of its session.

Guarantee: the result depends on the records alone, so the same journal gives the same state on every start.
Edge: kinds that carry no state (`call`, `refused`, `interference`, …) pass through and only move the clock.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import judge
from .contract import Budget
from .costs import REPORTED, Dollars, of_trial
from .errors import JournalError
from .journal import Record
from .levels import lowered
from .opened import opened_of
from .person import EFFECTS
from .protections import KIND, states_of
from .retention import left_by
from .state import Decision, State, Trial

_REMEMBERED = ("channels", "retained", "notes", "level", "backend")


def fold(records: Iterable[Record], state: State | None = None) -> State | None:
    """The state after these records, from `state` on; None if the session was never opened.

    Raises:
        JournalError: If a record, though in the chain, is none that could stand there.
    """
    for record in records:
        try:
            state = apply(state, record)
        except (KeyError, TypeError, ValueError) as fault:
            raise JournalError(
                f"journal line {record.seq}: a {record.kind!r} record that Referee never writes ({fault}). "
                "Run `referee audit --verify`; to go on working, use another --tag."
            ) from None
    return state


def apply(state: State | None, record: Record) -> State | None:
    """The state after one more record; `state` is changed in place.

    Raises:
        JournalError: If a record that needs an open session comes before `opened`.
    """
    if record.kind == "opened":
        state = _opened(record)
    elif state is not None:
        state.elapsed = state.clock(record.instant)
        if effect := _EFFECTS.get(record.kind):
            effect(state, record.data)
    elif record.kind in _EFFECTS:
        raise JournalError(f"journal line {record.seq}: {record.kind!r} comes before the session was opened.")
    if state is not None:
        state.last = record.instant
    return state


def _opened(record: Record) -> State:
    data = record.data
    budget = Budget.model_validate(data["budget"], strict=False)
    return State(opened_of(data), budget, draft=data["blob"], policy_sha256=data["policy_sha256"])


def _edited(state: State, data: Mapping[str, Any]) -> None:
    state.draft = data["blob"]


def _trial_started(state: State, data: Mapping[str, Any]) -> None:
    number = data["trial"]
    state.trials[number] = Trial(
        number=number,
        blob=data["blob"],
        tree=data["tree"],
        parent=sys.intern(data["parent"]),
        description=data["description"],
        limit=data["limit"],
        started=state.elapsed,
    )
    state.running = number
    state.unfinished.add(number)


def _trial_measured(state: State, data: Mapping[str, Any]) -> None:
    trial = state.trials.open(data["trial"])
    trial.commit = data["commit"]
    measurement = data["measurement"]
    remembered = _plain({name: measurement[name] for name in _REMEMBERED if measurement.get(name)})
    before = state.trials.get(trial.number - 1)
    # Trials of one session resemble each other, and there may be very many of them.
    trial.measurement = before.measurement if before and before.measurement == remembered else remembered
    trial.peak_memory_bytes = measurement.get("peak_memory_bytes", 0)
    trial.outcome = sys.intern(measurement["outcome"])
    trial.metrics = measurement["metrics"]
    trial.seconds = measurement["seconds"]
    trial.lines = data["lines"]
    trial.verdict = sys.intern(data["verdict"])
    trial.reason = data["reason"]
    trial.may_keep = data["may_keep"]
    state.running = None
    state.first.setdefault(trial.blob, trial.number)
    state.measured += 1
    state.measured_seconds += trial.seconds
    trial.costs = _charge(state, measurement, trial.seconds)
    if trial.number > 0:
        state.consecutive_crashes = state.consecutive_crashes + 1 if trial.verdict in {"crash", "timeout"} else 0
        state.without_keep += not trial.may_keep


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they read back from the journal."""
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain


def _charge(state: State, measurement: Mapping[str, Any], seconds: float) -> Dollars:
    dollars = of_trial(measurement, seconds, state.budget.usd_per_hour)
    state.account.add(dollars)
    return dollars


def _trial_interrupted(state: State, data: Mapping[str, Any]) -> None:
    trial = state.trials.open(data["trial"])
    trial.commit = data["commit"]
    trial.outcome = trial.verdict = "crash"
    trial.reason = data["reason"]
    trial.seconds = data["seconds"]
    trial.interrupted = True
    state.running = None
    state.measured += 1
    state.measured_seconds += trial.seconds
    trial.costs = _charge(state, {}, trial.seconds)


def _baseline_failed(state: State, data: Mapping[str, Any]) -> None:
    state.trials.pop(0, None)
    state.unfinished.discard(0)
    state.running = None
    state.baseline_reason = data["reason"]
    measurement = data.get("measurement", {})
    seconds = measurement.get("seconds", data.get("seconds", 0.0))
    state.account.add(of_trial(measurement, seconds, state.budget.usd_per_hour), apart=True)


def _decided(state: State, data: Mapping[str, Any]) -> None:
    trial = state.trials.open(data["trial"])
    trial.decision = Decision(data["decision"])
    if "retained" in data:
        trial.lasting = {name: data[name] for name in ("retained", "dropped", "not_retained")}
        for number in data["dropped"]:
            state.shelf.pop(number, None)
        if files := left_by(data):
            state.shelf[trial.number] = files
    if trial.decision is Decision.KEEP:
        state.best = trial.number
        contract = state.opened.contract
        state.record = judge.update_record(contract, state.record or trial.metrics, trial.metrics)
        state.without_keep = 0
    elif trial.may_keep:
        state.without_keep += 1
    _finish(state, trial)


def _finish(state: State, trial: Trial) -> None:
    if trial.decision is not None and trial.row is not None:
        state.unfinished.discard(trial.number)
        state.trials.pack(state.unfinished)


def _row(state: State, data: Mapping[str, Any]) -> None:
    trial = state.trials.open(data["trial"])
    if "description" in data:
        said = data["description"]
        trial.row, trial.worded = trial.description if said == trial.description else said, data["worded"]
        _finish(state, trial)
    if "lesson" in data:
        trial.lesson = data["lesson"]
    if "cost_usd" in data:
        trial.cost_usd = data["cost_usd"]
        trial.costs.update(state.account.report(trial.number, data["cost_usd"]))


def _client(state: State, data: Mapping[str, Any]) -> None:
    late = state.account.told(data["event"], data["client"], data["usd"], accounts=data["accounts"])
    for number, usd in late.items():
        state.trials.open(int(number)).costs[REPORTED] = usd
    state.taken.add(data["message"])


def _lowered(state: State, _: Mapping[str, Any]) -> None:
    state.opened = lowered(state.opened)


def _extended(state: State, data: Mapping[str, Any]) -> None:
    state.budget = Budget.model_validate(data["budget"], strict=False)
    state.consecutive_crashes = state.without_keep = 0
    state.taken.add(data["message"])


def _policy(state: State, data: Mapping[str, Any]) -> None:
    state.policy_sha256 = data["sha256"]
    state.said.policy = True


def _protections(state: State, data: Mapping[str, Any]) -> None:
    state.protections = states_of(data)


def _rotated(state: State, data: Mapping[str, Any]) -> None:
    state.logs_from = max(state.logs_from, data["before"])


def _ignored(state: State, data: Mapping[str, Any]) -> None:
    state.taken.add(data["message"])


_EFFECTS: Mapping[str, Callable[[State, Mapping[str, Any]], None]] = {
    "edited": _edited,
    "trial_started": _trial_started,
    "trial_measured": _trial_measured,
    "trial_interrupted": _trial_interrupted,
    "baseline_failed": _baseline_failed,
    "decided": _decided,
    "row": _row,
    "client": _client,
    "extended": _extended,
    "policy": _policy,
    "lowered": _lowered,
    "ignored": _ignored,
    "rotated": _rotated,
    KIND: _protections,
    **EFFECTS,
}
