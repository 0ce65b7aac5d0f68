"""`read_file`: a frozen file of the base commit, or the list of them."""

from typing import Annotated

from pydantic import Field

from ..session.loop import Call, Loop
from ..session.view import MAX_LINES
from .base import Answer, Arguments, Tool


class ReadFile(Arguments):
    """Which file, and which of its lines."""

    path: str | None = None
    """Relative to the folder of program.md, such as "prepare.py"; leave it out for the list of files."""

    start_line: Annotated[int, Field(ge=1)] = 1
    """The first line shown; lines count from 1."""

    max_lines: Annotated[int, Field(ge=1, le=MAX_LINES)] = 400


async def run(loop: Loop, call: Call, given: ReadFile) -> Answer:
    """Read a frozen file."""
    return await loop.read(call, lambda view: view.read_file(given.path, given.start_line, given.max_lines))


TOOL = Tool(
    name="read_file",
    description=(
        "Read a frozen file of the project (evaluator, helpers, docs), or list them all. "
        "Nothing but the target can be changed."
    ),
    arguments=ReadFile,
    run=run,
    fields=("lines", "files"),
    read_only=True,
)
