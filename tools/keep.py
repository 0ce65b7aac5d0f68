"""`keep`: accept the measured trial."""

from ..session.loop import Call, Loop
from .base import Answer, NoArguments, Tool
from .fields import TRIAL


async def run(loop: Loop, call: Call, _: NoArguments) -> Answer:
    """Keep the measured trial."""
    return await loop.write(call, lambda session: session.keep())


TOOL = Tool(
    name="keep",
    description=(
        "Accept the measured trial as the new best and commit it. Refused, with the reason, unless the rule allows it."
    ),
    arguments=NoArguments,
    run=run,
    fields=TRIAL,
)
