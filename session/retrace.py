"""The journal gone through once more, each record held against the rules of the moment when it was written.

Guarantee: a trial out of turn, a verdict that the judge does not give on the recorded numbers, a decision that the
verdict does not allow, and a trial that began without budget are named with their line. Nothing is read but records.
Edge: a budget is asked a moment before the record that shows it, so its clock is that of the record before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..sandbox.errors import RefereeError
from . import budget, ending
from .contract import Budget
from .findings import MALFORMED, Check, shown
from .fold import apply
from .journal import Record
from .rejudge import contradictions
from .state import Decision, State, Trial

CLOCK_SECONDS = 0.01  # the journal rounds its clock to milliseconds
KILL_SECONDS = 10.0  # a loaded machine takes a while to end what a trial has started


@dataclass(slots=True)
class Traced:
    """Where one trial stands in the journal: records of its start and end, and the best commit when it started."""

    started: int
    parent: str
    ended: int = 0


@dataclass(slots=True)
class Retraced:
    """What going through a journal gave.

    Attributes:
        state: The state after the last record that could be taken in.
        trials: Where each trial stands.
        applied: How many records could be taken in.
    """

    state: State | None = None
    trials: dict[int, Traced] = field(default_factory=dict[int, Traced])
    applied: int = 0
    steps: Check = field(default_factory=lambda: Check("steps", "the order of trials, drafts and decisions"))
    verdicts: Check = field(default_factory=lambda: Check("verdicts"))
    budget: Check = field(default_factory=lambda: Check("budget"))


def retrace(records: Sequence[Record], tag: str) -> Retraced:
    """Go through the records of the session of that tag until one cannot be taken in."""
    found = Retraced()
    for record in records:
        try:
            _step(found, record, tag)
        except (*MALFORMED, RefereeError) as fault:
            said = f"journal line {record.seq} ({shown(record.kind, 40)}) cannot be taken in: {type(fault).__name__}"
            found.steps.findings.append(f"{said} {shown(fault)}")
            break
        found.applied += 1
    if found.applied < len(records):
        found.steps.unchecked = f"what follows record {found.applied}"
    _conclude(found)
    return found


def _step(found: Retraced, record: Record, tag: str) -> None:
    before = _BEFORE.get(record.kind)
    if record.kind == "opened":
        _opened(found, record, tag)
    elif before is not None and found.state is not None:
        before(found, found.state, record)
    found.state = apply(found.state, record)


def _conclude(found: Retraced) -> None:
    state = found.state
    if state is None:
        found.verdicts.unchecked = found.budget.unchecked = "no opening record"
        return
    measured = sum(1 for trial in state.trials.values() if trial.measured)
    found.verdicts.covers = f"{measured} trials judged again on the recorded numbers"
    spent = sum(1 for number in state.trials if number)
    limit = "no limit" if state.budget.max_experiments is None else f"at most {state.budget.max_experiments}"
    found.budget.covers = f"{spent} experiments ({limit}), {state.elapsed:.0f} s, ${state.cost_usd:.2f}"


def _opened(found: Retraced, record: Record, tag: str) -> None:
    if found.state is not None:
        found.steps.findings.append(f"journal line {record.seq}: the session was opened a second time")
    if record.data["tag"] != tag:
        found.steps.findings.append(f"journal line {record.seq}: opened as {shown(record.data['tag'])}, not as {tag}")
    state = apply(None, record)
    if state and state.opened.contract.digest() != record.data["contract_digest"]:
        found.steps.findings.append(f"journal line {record.seq}: the contract is not the one that its digest names")


def _started(found: Retraced, state: State, record: Record) -> None:
    data, number = record.data, record.data["trial"]
    best = state.best_trial.commit if state.best_trial else state.opened.base
    expected = next(reversed(state.trials), -1) + 1
    rules = {
        f"it should be trial {expected}": number == expected,
        f"trial {state.running} was still running": state.running is None,
        "the trial before it was not decided": state.undecided is None,
        "the session was paused": not state.paused,
        "it did not measure the draft": number == 0 or data["blob"] == state.draft,
        f"its parent is {shown(data['parent'], 10)}, not the best of then": data["parent"] == best,
    }
    _blame(found.steps, record, number, rules)
    spent = state.spent(state.last) if state.last else budget.Spent()
    check = ending.check(state, state.last or record.instant)
    allowed = budget.trial_limit(state.budget, spent, _whole_timeout(state)) + CLOCK_SECONDS
    money = {
        f"it began although {check.headline} ({check.reason})": not check.exhausted,
        f"it was given {data['limit']:.1f} s, {allowed:.1f} s were left for it": data["limit"] <= allowed,
    }
    _blame(found.budget, record, number, money)
    found.trials[number] = Traced(record.seq, best)


def _whole_timeout(state: State) -> float:
    evaluate = state.opened.contract.evaluate
    return evaluate.longest


def _measured(found: Retraced, state: State, record: Record) -> None:
    trial = _ended(found, state, record)
    for said in contradictions(state, trial.number, record.data):
        found.verdicts.findings.append(f"journal line {record.seq}: trial {trial.number}: {said}")
    measured = record.data["measurement"]
    if trial.number or not measured.get("rehearsed"):  # a baseline of `referee check` took its time before
        _time(found, record, trial, measured["seconds"])
        _protected(found, state, record, measured.get("protections") or {})


def _interrupted(found: Retraced, state: State, record: Record) -> None:
    trial = _ended(found, state, record)
    _time(found, record, trial, record.data["seconds"])


def _ended(found: Retraced, state: State, record: Record) -> Trial:
    number = record.data["trial"]
    _blame(found.steps, record, number, {"it ended without running": state.running == number})
    found.trials[number].ended = record.seq
    return state.trials[number]


def _protected(found: Retraced, state: State, record: Record, states: Mapping[str, str]) -> None:
    """A trial was protected as its server found the machine; older records do not tell."""
    known = state.protections
    other = sorted(name for name in known.keys() | states.keys() if states.get(name) != known.get(name))
    same = not states or not known or not other
    said = f"its protections are not those that its server found: {shown(', '.join(other))}"
    _blame(found.steps, record, record.data["trial"], {said: same})


def _time(found: Retraced, record: Record, trial: Trial, seconds: float) -> None:
    kept = 0 <= seconds <= trial.limit + KILL_SECONDS
    _blame(found.budget, record, trial.number, {f"it took {seconds:.1f} s of {trial.limit:.1f} s": kept})


def _decided(found: Retraced, state: State, record: Record) -> None:
    trial = state.trials[record.data["trial"]]
    decision = Decision(record.data["decision"])
    against = Decision.CRASH if trial.failed else Decision.DISCARD
    rules = {
        "it was decided before it was measured": trial.measured,
        "it was decided twice": trial.decision is None,
        f"{decision}, but it may not be kept ({trial.verdict})": decision is not Decision.KEEP or trial.may_keep,
        f"{decision}, which is not the word for {trial.verdict}": decision in {Decision.KEEP, against},
    }
    _blame(found.steps, record, trial.number, rules)


def _row(found: Retraced, state: State, record: Record) -> None:
    trial = state.trials[record.data["trial"]]
    _blame(found.steps, record, trial.number, {"its row was written before it was decided": trial.decision is not None})


def _extended(found: Retraced, state: State, record: Record) -> None:
    limits = Budget.model_validate(record.data["budget"], strict=False).model_dump(exclude={"goal"})
    for name, after in limits.items():
        before = state.budget.model_dump()[name]
        raised = name.startswith("max_") and None not in {before, after} and after >= before
        if before != after and not raised:
            found.budget.findings.append(f"journal line {record.seq}: {name} went from {before} to {after}")
    found.budget.findings += _twice(state, record)


def _steered(found: Retraced, state: State, record: Record) -> None:
    found.steps.findings += _twice(state, record)


def _heard(found: Retraced, state: State, record: Record) -> None:
    said, count = state.said, record.data["count"]
    if not 0 <= count <= said.count - said.heard:
        waiting = said.count - said.heard
        found.steps.findings.append(f"journal line {record.seq}: {count} lines were heard, {waiting} were waiting")


def _twice(state: State, record: Record) -> list[str]:
    message = record.data["message"]
    if not message or message not in state.taken:
        return []
    return [f"journal line {record.seq}: the message {shown(message, 40)} was taken in twice"]


def _lowered(found: Retraced, state: State, record: Record) -> None:
    if state.baseline is not None:
        found.steps.findings.append(f"journal line {record.seq}: the integrity was lowered after the baseline")


def _blame(check: Check, record: Record, number: object, rules: Mapping[str, bool]) -> None:
    where = f"journal line {record.seq}: trial {number}"
    check.findings += [f"{where}: {said}" for said, holds in rules.items() if not holds]


_BEFORE: Mapping[str, Callable[[Retraced, State, Record], Any]] = {
    "trial_started": _started,
    "trial_measured": _measured,
    "trial_interrupted": _interrupted,
    "decided": _decided,
    "row": _row,
    "extended": _extended,
    "told": _steered,
    "heard": _heard,
    "paused": _steered,
    "unpaused": _steered,
    "stopped": _steered,
    "client": _steered,
    "lowered": _lowered,
}
