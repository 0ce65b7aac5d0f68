"""`read_results`: the rows so far, or what they come to."""

from typing import Annotated, Literal

from pydantic import Field

from ..session import recalled
from ..session.loop import Call, Loop
from .base import Answer, Arguments, Tool


class ReadResults(Arguments):
    """Which rows, or their summary."""

    view: Literal["rows", "summary"] = "rows"
    """summary: kept chain, near misses, dead ends grouped, last trials, lessons; bounded, for a fresh context."""

    last: Annotated[int, Field(ge=0, le=200)] = 20
    """How many of the last rows."""

    decision: Literal["keep", "discard", "crash"] | None = None
    """Only rows with this decision."""


async def run(loop: Loop, call: Call, given: ReadResults) -> Answer:
    """Read the rows."""
    if given.view == "summary":
        return await loop.read(call, recalled.summary)
    return await loop.read(call, lambda view: recalled.rows(view, given.last, given.decision))


TOOL = Tool(
    name="read_results",
    description="Rows of the session: baseline and best first, then the last ones. Your memory after a lost context.",
    arguments=ReadResults,
    run=run,
    fields=("rows", "total", "summary"),
    read_only=True,
)
