"""`revert`: go back to an earlier text of the target."""

from ..session.loop import Call, Loop
from .base import Answer, Arguments, Tool
from .fields import TRIAL


class Revert(Arguments):
    """Where to go back to."""

    to: str = "best"
    """"best", or the number of a kept or discarded trial, such as "7"."""


async def run(loop: Loop, call: Call, given: Revert) -> Answer:
    """Go back."""
    return await loop.write(call, lambda session: session.revert(given.to))


TOOL = Tool(
    name="revert",
    description=(
        "Set the draft back to the best or to an earlier trial; "
        "a measured, undecided trial is closed as discard or crash."
    ),
    arguments=Revert,
    run=run,
    fields=TRIAL,
    idempotent=True,
)
