"""`read_target`: the text of the target at a revision, with its SHA-256."""

from typing import Annotated

from pydantic import Field

from ..session.loop import Call, Loop
from ..session.view import MAX_LINES
from .base import Answer, Arguments, Tool


class ReadTarget(Arguments):
    """Which version of the target, and which of its lines."""

    revision: str = "draft"
    """"draft", "best", "baseline", or a trial's number such as "7"."""

    start_line: Annotated[int, Field(ge=1)] = 1
    """The first line shown; lines count from 1."""

    max_lines: Annotated[int, Field(ge=1, le=MAX_LINES)] = 400


async def run(loop: Loop, call: Call, given: ReadTarget) -> Answer:
    """Read the target."""
    return await loop.read(call, lambda view: view.read_target(given.revision, given.start_line, given.max_lines))


TOOL = Tool(
    name="read_target",
    description=(
        "Read the one file that you may edit: the draft, the best so far, the baseline, or any trial's version."
    ),
    arguments=ReadTarget,
    run=run,
    fields=("lines", "sha256"),
    read_only=True,
)
