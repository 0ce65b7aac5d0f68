"""`run_eval`: measure the draft with the frozen evaluator."""

from typing import Annotated

from pydantic import Field

from ..session.loop import WAIT_SECONDS, Call, Loop
from .base import Answer, Arguments, Tool
from .fields import TRIAL

MAX_WAIT_SECONDS = 24 * 3600.0


class RunEval(Arguments):
    """What is tried, and how long to wait for the result."""

    description: str
    """What is tried and why, in one line, before the result is known: "halve the learning rate, it oscillates"."""

    wait_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS)] = WAIT_SECONDS
    """Return status "running" after so many seconds; call again to go on waiting."""


async def run(loop: Loop, call: Call, given: RunEval) -> Answer:
    """Measure the draft."""
    return await loop.run(call, given.description, given.wait_seconds)


TOOL = Tool(
    name="run_eval",
    description=(
        "Measure the draft with the frozen evaluator and get the verdict. The first call measures the baseline. "
        'While status is "running", call it again: it attaches to the same trial. Then call keep or revert.'
    ),
    arguments=RunEval,
    run=run,
    fields=TRIAL,
)
