"""`run_trial`: one call for edit, run, decision and row."""

from typing import Annotated

from pydantic import Field

from ..session.errors import RefusedError
from ..session.loop import WAIT_SECONDS, Call, Loop
from ..session.rows import Words
from .base import Answer, Arguments, Tool
from .change import EditPair, change_of
from .fields import TRIAL
from .run_eval import MAX_WAIT_SECONDS


class RunTrial(Arguments):
    """What is tried, exactly one of edits and content, and the words of the row."""

    description: str
    """What is tried and why, in one line, before the result is known: "halve the learning rate, it oscillates"."""

    edits: list[EditPair] | None = None
    """Replacements in the draft, applied in order; all or nothing."""

    content: str | None = None
    """The whole new text, in place of edits."""

    lesson: str | None = None
    """What this teaches, at most 300 characters, shown to later contexts."""

    cost_usd: float | None = None
    """US dollars that this trial cost you, such as 0.12."""

    wait_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS)] = WAIT_SECONDS
    """Return status "running" after so many seconds; the same call again goes on waiting."""


async def run(loop: Loop, call: Call, given: RunTrial) -> Answer:
    """Try one idea."""
    words = Words(given.description, given.lesson, given.cost_usd)
    try:
        change = change_of(given.edits, given.content, offers="edits, content")
    except RefusedError as fault:
        await loop.refuse(call, fault)
        raise
    return await loop.run_trial(call, change, words, given.wait_seconds)


TOOL = Tool(
    name="run_trial",
    description=(
        "Try one idea in one call: edit the draft, measure it, keep it if the rule allows, else go back to the best, "
        "and write the row. The short way: call it until continue is false."
    ),
    arguments=RunTrial,
    run=run,
    fields=TRIAL,
)
