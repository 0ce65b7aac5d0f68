"""`check_budget`: what is spent and left of every limit."""

from ..session.loop import Call, Loop
from .base import Answer, NoArguments, Tool


async def run(loop: Loop, call: Call, _: NoArguments) -> Answer:
    """Check the budget."""
    return await loop.read(call, lambda view: view.check_budget())


TOOL = Tool(
    name="check_budget",
    description="Spent and left of every limit, the estimate of trials left, and whether to continue.",
    arguments=NoArguments,
    run=run,
    fields=("reason",),
    read_only=True,
)
