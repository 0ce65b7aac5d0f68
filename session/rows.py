"""Rows of the results: the agent's words and costs, and nothing else of the agent's.

Guarantee: a row is written once. What the agent says again is taken as said; what it says differently is refused.
"""

import math
from dataclasses import dataclass
from typing import Any

from .edits import sha256
from .errors import RefusedError
from .feedback import told
from .reply import Reply
from .results import number, one_line
from .session import Session
from .state import Decision, Trial
from .view import show_metrics

MAX_WORDS = 300
MAX_COST_USD = 1_000_000.0  # a trial; sums of what nobody bounds would reach infinity


@dataclass(frozen=True, slots=True)
class Words:
    """What an agent may say about a trial: one line for its row, a lesson for later contexts, its cost in dollars."""

    description: str | None = None
    lesson: str | None = None
    cost_usd: float | None = None


def append(session: Session, words: Words) -> Reply:
    """Write the row of the last decided trial, or add what its row lacks.

    Raises:
        RefusedError: If no trial is decided, or its row already says something else.
    """
    session.refuse_running()
    trial = _to_describe(session)
    new = _new(trial, words)
    if new:
        session.record("row", {"trial": trial.number, **new})
        session.publish()
    cells = " | ".join(
        [trial.commit[:7], show_metrics(trial.metrics, session.contract), str(trial.decision), trial.row or ""]
    )
    said = (
        f"Row of trial {trial.number}: {cells}"
        if new
        else f"The row of trial {trial.number} says that already: {cells}"
    )
    facts = {"trial": trial.number, "status": "decided", "decision": str(trial.decision)}
    return Reply(said, facts=facts, next="edit_target tries the next idea.")


def _to_describe(session: Session) -> Trial:
    if pending := session.state.undecided:
        raise RefusedError(f"trial {pending.number} is measured but not decided. Call keep or revert first.")
    unfinished = [session.state.trials[number] for number in sorted(session.state.unfinished)]
    rowless = (trial for trial in unfinished if trial.decision)
    last = (trial for trial in session.state.trials.latest() if trial.decision)
    found = next(rowless, None) or next(last, None)
    if found is None:
        raise RefusedError("no trial has been decided yet. Call run_eval first.")
    return found


def _new(trial: Trial, words: Words) -> dict[str, Any]:
    new: dict[str, Any] = {}
    if trial.row is None or (words.description is not None and not trial.worded):
        text = checked_words(words.description or trial.description)
        new |= {"description": text, "worded": words.description is not None}
    elif words.description is not None and checked_words(words.description) != trial.row:
        raise RefusedError(f"the row of trial {trial.number} is written: {trial.row!r}. Rows are never rewritten.")
    if words.lesson is not None:
        new |= _once("lesson", trial.lesson, checked_words(words.lesson), trial.number)
    if words.cost_usd is not None:
        new |= _once("cost_usd", trial.cost_usd, checked_cost(words.cost_usd), trial.number)
    return new


def _once(name: str, known: object, given: object, trial: int) -> dict[str, Any]:
    if known is None:
        return {name: given}
    if known != given:
        raise RefusedError(f"{name} of trial {trial} is recorded as {known!r} and is never rewritten.")
    return {}


def check(words: Words) -> None:
    """Make sure that words given beforehand can be written later.

    Raises:
        RefusedError: If a text is empty or too long, or the cost is no amount.
    """
    for text in (words.description, words.lesson):
        if text is not None:
            checked_words(text)
    if words.cost_usd is not None:
        checked_cost(words.cost_usd)


def write_forgotten(session: Session) -> None:
    """Write the rows of decided trials that nobody described."""
    for trial in map(session.state.trials.__getitem__, sorted(session.state.unfinished)):
        if trial.decision and trial.row is None:
            session.record(
                "row", {"trial": trial.number, "description": trial.description, "worded": False}, sync=False
            )
    session.publish()


def conclude(session: Session, trial: Trial, words: Words) -> Reply:
    """Decide a measured trial by what the judge allows, write its row, and make the best the draft again."""
    if trial.decision is None:
        decision = Decision.KEEP if trial.may_keep else Decision.CRASH if trial.failed else Decision.DISCARD
        session.decide(trial, decision, "run_trial")
        session.record("row", {"trial": trial.number, **_new(trial, words)})
    session.set_draft(session.target_blob("best"), "run_trial", pin=False)
    session.settle(look=True)
    reply = session.decided_reply(trial)
    draft = sha256(session.text(session.state.draft))
    reply.facts = {**reply.facts, "sha256": draft}
    reply.text += f"\n{told(session.contract, trial.reason)}. Took {trial.seconds:.1f} s."
    if trial.decision is not Decision.KEEP:
        reply.text += " The draft is the best again."
    reply.next = "run_trial tries the next idea."
    return reply


def checked_words(text: str) -> str:
    """One line of the agent's words.

    Raises:
        RefusedError: If it is empty or too long.
    """
    line = one_line(text)
    if not line:
        raise RefusedError("the text is empty. Say in one line what is tried.")
    if len(line) > MAX_WORDS:
        raise RefusedError(f"the text has {len(line)} characters; at most {MAX_WORDS} are kept. Shorten it.")
    return line


def checked_cost(cost_usd: float) -> float:
    """A cost in dollars.

    Raises:
        RefusedError: If it is negative, not finite, or more than any trial costs.
    """
    if not math.isfinite(cost_usd) or cost_usd < 0:
        raise RefusedError(f"cost_usd is {number(cost_usd)}; expected dollars, 0 or more.")
    if cost_usd > MAX_COST_USD:
        raise RefusedError(f"cost_usd is {cost_usd:g}; expected dollars, at most {MAX_COST_USD:g} for one trial.")
    return cost_usd
