"""`read_results`: the rows so far."""

from typing import Annotated, Literal

from pydantic import Field

from ..session.loop import Call, Loop
from .base import Answer, Arguments, Tool


class ReadResults(Arguments):
    """Which rows."""

    last: Annotated[int, Field(ge=0, le=200)] = 20
    decision: Literal["keep", "discard", "crash"] | None = None


async def run(loop: Loop, call: Call, given: ReadResults) -> Answer:
    """Read the rows."""
    return await loop.read(call, lambda view: view.read_results(given.last, given.decision))


TOOL = Tool(
    name="read_results",
    description="Rows of the session: baseline and best first, then the last ones. Your memory after a lost context.",
    arguments=ReadResults,
    run=run,
    fields=("rows", "total"),
    read_only=True,
)
