"""What the agent is told of a trial that runs, is measured, or could not be measured at all."""

from . import retention
from .feedback import log_lines, told
from .live import last_line
from .reply import Reply
from .session import Session
from .state import Trial
from .untrusted import fenced
from .view import show_metrics, trial_facts

_LOG_TAIL = 20
_LOG_CHARS = 8_000
_PROGRESS_CHARS = 200


def baseline_failed_text(session: Session) -> str:
    """Why nothing can be measured, with the end of the log."""
    tail, reason = _log_end(session, 0), told(session.contract, session.state.baseline_reason)
    return (
        f"the baseline failed: {reason}. The frozen evaluator does not work on the unchanged "
        f"target, so a person must mend it; run_eval tries again.\n{fenced(tail or '(no output)')}"
    )


def running_reply(session: Session) -> Reply:
    """What is known of the trial that runs; a trial that has just ended counts as running until it is told."""
    number = session.state.running
    if number is None:
        return Reply("The trial has just ended.", next="run_eval returns it.", facts={"status": "running"})
    trial = session.state.trials[number]
    seconds = session.elapsed() - trial.started
    text = f"Trial {number} ({trial.description}) is running: {seconds:.0f} s of at most {trial.limit:.0f} s."
    line = last_line(session.contract, session.state_home, number, seconds)
    facts = {"trial": number, "status": "running"}
    return Reply(text, next="run_eval goes on waiting for it.", facts=facts, untrusted=line)


def progress(session: Session) -> str:
    """The same in one short line, for a client that shows what goes on."""
    number = session.state.running
    trial = None if number is None else session.state.trials.get(number)
    if trial is None:
        return "paused by the person" if session.state.paused else "working"
    seconds = session.elapsed() - trial.started
    said = f"trial {trial.number}: {seconds:.0f} s of at most {trial.limit:.0f} s"
    line = last_line(session.contract, session.state_home, trial.number, seconds)
    return " | ".join(filter(None, [said, line]))[:_PROGRESS_CHARS]


def trial_reply(session: Session, trial: Trial) -> Reply:
    """What is known of a measured trial, as an answer to the agent."""
    said = (
        f"Trial {trial.number} ({trial.description}): {trial.verdict}. {show_metrics(trial.metrics, session.contract)}"
    )
    lasting = retention.said(trial.lasting)
    text = f"{said.rstrip()}\n{told(session.contract, trial.reason)}. Took {trial.seconds:.1f} s. {lasting}".rstrip()
    tail = _log_end(session, trial.number) if trial.failed else ""
    return Reply(text, next=_next(trial), facts=trial_facts(trial, session.contract), untrusted=tail)


def _log_end(session: Session, number: int) -> str:
    """The last lines of a log, however long they are."""
    most = min(_LOG_TAIL, session.contract.feedback.lines)
    return "\n".join(log_lines(session.contract, session.state_home, number)[-most:])[-_LOG_CHARS:]


def _next(trial: Trial) -> str:
    if trial.decision:
        return "edit_target tries the next idea."
    return "keep accepts it." if trial.may_keep else "revert goes back to the best."
