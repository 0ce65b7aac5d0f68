"""`edit_target`: change the draft."""

from ..session.loop import Call, Loop
from .base import Answer, Arguments, Tool
from .change import EditPair, change_of


class EditTarget(Arguments):
    """Exactly one of edits, content and from_checkout."""

    edits: list[EditPair] | None = None
    """Replacements, applied in order; all or nothing."""

    content: str | None = None
    """The whole new text."""

    from_checkout: bool = False
    """Take the file as it lies in the checkout."""

    expected_sha256: str | None = None
    """Refuse unless the draft still has this SHA-256, as read_target showed it."""


async def run(loop: Loop, call: Call, given: EditTarget) -> Answer:
    """Change the draft."""
    offers = "edits, content, from_checkout=true"

    return await loop.write(
        call,
        lambda session: session.edit(
            change_of(given.edits, given.content, from_checkout=given.from_checkout, offers=offers),
            given.expected_sha256,
        ),
    )


TOOL = Tool(
    name="edit_target",
    description=(
        "Edit the draft of the target: by replacements, as a whole, or from the checkout. Returns the diff. "
        "Then call run_eval."
    ),
    arguments=EditTarget,
    run=run,
    fields=("sha256", "diff", "warning"),
)
