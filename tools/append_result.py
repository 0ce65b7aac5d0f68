"""`append_result`: write the decided trial's row."""

from ..session import rows
from ..session.loop import Call, Loop
from .base import Answer, Arguments, Tool


class AppendResult(Arguments):
    """The agent's words and cost; every number and the status are Referee's."""

    description: str | None = None
    """One line for the row; by default what run_eval was told."""

    lesson: str | None = None
    """What it taught, at most 300 characters, shown to later contexts."""

    cost_usd: float | None = None
    """US dollars that this trial cost you, such as 0.12."""


async def run(loop: Loop, call: Call, given: AppendResult) -> Answer:
    """Write the row."""
    words = rows.Words(given.description, given.lesson, given.cost_usd)
    return await loop.write(call, lambda session: rows.append(session, words))


TOOL = Tool(
    name="append_result",
    description=(
        "Write the decided trial's row of results.tsv, with your words, a lesson and the cost. "
        "Metrics and status are filled in."
    ),
    arguments=AppendResult,
    run=run,
    fields=("trial", "status", "decision"),
    idempotent=True,
)
