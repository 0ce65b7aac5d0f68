"""The life of one trial: started and charged, measured and judged, or interrupted.

Guarantee: a trial is charged in the journal, on the disk, before anything of it runs; what the sandbox returns is
judged and journaled with its commit before any ref follows. What never returned is closed at the next start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..sandbox.spec import Measurement, TrialSpec
from . import baseline_cache, budget, commits, judge, retention
from .answers import baseline_failed_text, trial_reply
from .combined import combine
from .errors import RefusedError
from .opened import Opened
from .person import refuse_paused
from .plan import log_path, trial_spec
from .rejudge import standing
from .reply import Reply
from .rows import checked_words, write_forgotten
from .session import Session
from .state import Decision, Trial

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Begun:
    """A trial that is charged and may run: its number, and how many seconds all its runs may take together."""

    number: int
    seconds: float


def refuse_unready(session: Session) -> None:
    """Make sure that a new trial may begin.

    Raises:
        RefusedError: If one runs, the session is over or paused, or a measured trial waits that may be kept.
    """
    session.refuse_running()
    session.refuse_exhausted()
    waiting = session.state.undecided
    if waiting and waiting.blob != session.state.draft:
        refuse_waiting(session)
    refuse_paused(session.state)


def refuse_waiting(session: Session) -> None:
    """Raise RefusedError if a measured trial waits that may be kept."""
    waiting = session.state.undecided
    if waiting and waiting.may_keep:
        raise RefusedError(
            f"trial {waiting.number} is {waiting.verdict} and waits for your decision. Call keep or revert first "
            f'(to keep it, the draft must be what it measured: read_target(revision="{waiting.number}")).'
        )


def restore(session: Session, draft: str) -> None:
    """Undo the edit that a `run_trial` made for a trial that never began."""
    if draft:
        session.set_draft(draft, "undone")


def abandon(session: Session, draft: str) -> None:
    """Leave nothing half done after a fault: close the trial that runs; undo its edit, unless that was measured."""
    complete_baseline(session)
    try:
        if session.state.running is not None:
            interrupt(session, session.state.running, "interrupted: Referee failed to finish it")
    finally:
        if session.state.measured_as(session.state.draft) is None:
            restore(session, draft)


def complete_baseline(session: Session) -> None:
    """Decide a measured baseline that nothing decided, because the server was killed in between."""
    baseline = session.state.baseline
    if baseline is not None and baseline.decision is None:
        session.decide(baseline, Decision.KEEP, BASELINE)


def start(session: Session, description: str) -> Begun:
    """Charge the next trial: the draft, or before it the baseline.

    Raises:
        RefusedError: If the words cannot stand, or no trial may begin now.
    """
    checked_words(description)
    refuse_unready(session)
    return begin_baseline(session) if session.state.baseline is None else begin(session, description)


def measured_before(session: Session) -> Reply | None:
    """The reply for a draft whose bytes are measured already, uncharged; None if they are not.

    Raises:
        RefusedError: If the checkout holds an edit of the target that was never taken over.
    """
    same = session.state.measured_as(session.state.draft)
    if same is None or session.state.running is not None:
        return None
    _refuse_native_edit(session)
    reply = trial_reply(session, same)
    reply.text = f"Measured before as trial {same.number}; nothing was run or charged. {reply.text}"
    return reply


def _refuse_native_edit(session: Session) -> None:
    try:
        data = session.project.repository.checkout_text(session.target).encode("utf-8")
    except RefusedError:
        return
    object_id = session.project.git.object_id
    lying = {object_id("blob", data), object_id("blob", data.replace(b"\r\n", b"\n"))}  # git may have checked out CRLF
    known = {session.target_blob("baseline"), session.state.draft, *session.state.first}
    if not lying & known and not any(trial.blob in lying for trial in session.state.trials.latest()):
        raise RefusedError(
            f"{session.target} in the checkout differs from the draft and the draft is unchanged. "
            "Call edit_target(from_checkout=true) or edit the draft."
        )


def begin_baseline(session: Session) -> Begun:
    """Charge trial 0: the target as it is in the base commit."""
    return _begin(session, 0, session.target_blob("baseline"), BASELINE)


def begin(session: Session, description: str) -> Begun:
    """Charge the next trial: the draft. What was pending and may not be kept is closed first."""
    text = checked_words(description)
    refuse_unready(session)
    session.close_undecided("next run")
    write_forgotten(session)
    return _begin(session, next(reversed(session.state.trials)) + 1, session.state.draft, text)


def _begin(session: Session, number: int, blob: str, description: str) -> Begun:
    _refuse_changed_ground(session)
    spent = session.state.spent(budget.now())
    seconds = budget.trial_limit(session.budget, spent, session.contract.evaluate.longest)
    tree = session.project.repository.with_target(session.base, session.target, blob)
    best = session.state.best_trial
    session.record(
        "trial_started",
        {
            "trial": number,
            "blob": blob,
            "tree": tree,
            "parent": best.commit if best else session.state.opened.base,
            "description": description,
            "limit": seconds,
        },
    )
    session.ground.refs.settle(session.state, look=False)
    return Begun(number, seconds)


def _refuse_changed_ground(session: Session) -> None:
    if session.stale_inputs:  # a person may have put them back
        session.stale_inputs = session.changed_inputs()
    pins = session.ground.pins
    if moved := [*map(pins.named, session.stale_inputs), *pins.moved()]:
        raise RefusedError(
            f"{moved[0]} is not what it was when the session opened, so the numbers could not be compared. "
            "A person must put it back (what is new: remove it), or open another session with --tag."
        )
    if found := session.ground.snapshot.verify():
        session.report_interference([f"{said} the snapshot; it was rebuilt from git" for said in found])
        session.ground.snapshot.open()


def seconds_of(session: Session, begun: Begun, used: float) -> float:
    """Wall clock for the next run of a trial whose runs have used that much; time between runs is spent as well."""
    spent = session.state.spent(budget.now())
    evaluate = session.contract.evaluate
    return min(begun.seconds - used, budget.trial_limit(session.budget, spent, evaluate.timeout * evaluate.phases))


def spec_of(session: Session, begun: Begun, run: int, seconds: float, opened: Opened | None = None) -> TrialSpec:
    """What the sandbox is given for one run of a trial; on other ground than the session's where that is given."""
    trial = session.state.trials[begun.number]
    spec = trial_spec(
        opened or session.state.opened,
        session.project.checkout,
        session.state_home,
        text=session.text(trial.blob),
        mode=int(session.project.repository.target_entry(session.base, session.target).mode, 8) & 0o777,
        number=begun.number,
        run=run,
        seconds=seconds,
    )
    baseline = session.state.baseline
    # What an evaluator repeats of a target's words is not to pass for a number that it reports elsewhere.
    return replace(spec, channels=tuple(baseline.measurement.get("channels", ()))) if baseline else spec


def rehearsed(session: Session, backend: str) -> baseline_cache.Cached | None:
    """The baseline that `referee check` measured, if every fingerprint of it is that of this session."""
    opened, blob = session.state.opened, session.target_blob("baseline")
    if session.contract.evaluate.retain:  # what that run left is gone
        return None
    key = baseline_cache.key_of(opened, opened.pins, target_blob=blob, backend=backend)
    return baseline_cache.load(session.project.checkout.state_home(), key)


def finish_rehearsed(session: Session, cached: baseline_cache.Cached) -> Reply:
    """Take a baseline measured by `referee check` for trial 0."""
    log_path(session.state_home, 0).write_bytes(cached.log)
    if reason := cached.measurement.get("lowered"):
        session.lower(str(reason))
    return _finish_baseline(session, session.state.trials[0], {**cached.measurement, "rehearsed": True})


def finish(session: Session, number: int, runs: Sequence[Measurement], *, settle: bool = True) -> Reply:
    """Judge a measured trial and journal it with its commit; the baseline is decided at once.

    Without `settle` the refs and files follow with the decision that comes right after.
    """
    trial = session.state.trials[number]
    measured = combine(runs, session.contract.evaluate.repeats)
    if changed := _changed_meanwhile(session, number):
        measured |= {"outcome": "crash", "reason": f"{changed[0]} while the trial ran, so it does not count"}
    session.report_interference(session.ground.watch.interference())
    if number == 0:
        return _finish_baseline(session, trial, measured)
    judgement = _judge(session, trial, measured)
    measured |= session.retained.found(number, may_keep=judgement.may_keep)
    _record_measured(session, trial, measured, judgement)
    if settle:
        session.settle(look=True)
    return trial_reply(session, trial)


def _changed_meanwhile(session: Session, number: int) -> list[str]:
    if changed := [f"{said} the snapshot" for said in session.ground.snapshot.verify()]:
        session.ground.snapshot.open()
    changed += [f"{name} was changed" for name in session.ground.pins.moved()]
    session.report_interference([f"{said} while trial {number} ran" for said in changed])
    return changed


def _finish_baseline(session: Session, trial: Trial, measured: Mapping[str, Any]) -> Reply:
    reason = measured["reason"] or judge.judge_baseline(session.contract, measured["metrics"])
    if measured["outcome"] != "ok" or reason:
        session.record("baseline_failed", {"reason": reason, "measurement": measured})
        session.settle(look=True)
        raise RefusedError(baseline_failed_text(session))
    first = judge.Judgement(judge.Verdict.EQUAL, "the baseline", may_keep=True)
    _record_measured(session, trial, {**measured, **session.retained.found(0, may_keep=True)}, first)
    complete_baseline(session)
    session.record("row", {"trial": 0, "description": BASELINE, "worded": False})
    session.settle(look=True)
    return trial_reply(session, trial)


def _judge(session: Session, trial: Trial, measured: Mapping[str, Any]) -> judge.Judgement:
    against = standing(session.state)
    if against is None:  # a trial only begins after its baseline was kept
        raise RefusedError("there is no baseline to compare with. Call run_eval.")
    candidate = judge.Candidate(measured["outcome"], measured["reason"], measured["metrics"], _lines(session, trial))
    return judge.judge(session.contract, against, candidate)


def _lines(session: Session, trial: Trial) -> int:
    return sum(1 for line in session.text(trial.blob).splitlines() if line.strip())


def _record_measured(session: Session, trial: Trial, measured: Mapping[str, Any], judged: judge.Judgement) -> None:
    verdict = judged.verdict.value
    failed = verdict in {"crash", "timeout"}
    counted = {} if failed else {n: v for n, v in measured["metrics"].items() if n in session.contract.metrics}
    session.record(
        "trial_measured",
        {
            "trial": trial.number,
            "commit": commits.write(session, trial, counted, verdict, retention.trailers(measured)),
            "measurement": {**measured, "outcome": verdict if failed else measured["outcome"]},
            "lines": _lines(session, trial),
            "verdict": verdict,
            "reason": judged.reason,
            "may_keep": judged.may_keep,
            "integrity": session.state.opened.integrity,
        },
    )


def interrupt(session: Session, number: int, reason: str) -> None:
    """Close a trial that will never return a measurement; a baseline leaves no trial behind."""
    trial = session.state.trials[number]
    seconds = min(trial.limit, max(0.0, session.elapsed() - trial.started))
    if number == 0:
        session.record("baseline_failed", {"reason": reason, "seconds": seconds})
    else:
        commit = commits.write(session, trial, {}, "crash")
        session.record("trial_interrupted", {"trial": number, "commit": commit, "reason": reason, "seconds": seconds})
        session.decide(trial, Decision.CRASH, "interrupted")
        session.record("row", {"trial": number, "description": f"interrupted: {trial.description}", "worded": False})
    session.settle()
