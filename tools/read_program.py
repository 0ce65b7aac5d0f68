"""`read_program`: the policy, and the contract in words."""

from ..session.loop import Call, Loop
from .base import Answer, NoArguments, Tool


async def run(loop: Loop, call: Call, _: NoArguments) -> Answer:
    """Read the program."""
    return await loop.read(call, lambda view: view.read_program())


TOOL = Tool(
    name="read_program",
    description=(
        "Read this first: what to improve, the rules, the metric and its direction, budget, best, lessons so far."
    ),
    arguments=NoArguments,
    run=run,
    read_only=True,
)
