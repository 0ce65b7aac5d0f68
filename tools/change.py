"""The arguments by which a tool changes the draft."""

from ..session.edits import Edit
from ..session.errors import RefusedError
from ..session.session import Change
from .base import Arguments


class EditPair(Arguments):
    """One replacement."""

    old_text: str
    """Must occur exactly once in the draft; take enough context."""

    new_text: str


def change_of(edits: list[EditPair] | None, content: str | None, *, from_checkout: bool = False, offers: str) -> Change:
    """The one change that was given.

    Raises:
        RefusedError: If none or more than one was given.
    """
    given = [edits is not None, content is not None, from_checkout]
    if sum(given) != 1:
        raise RefusedError(f"found {sum(given)} ways to change the draft, expected exactly one of: {offers}.")
    if edits is not None and not edits:
        raise RefusedError("edits is empty. Give at least one {old_text, new_text}.")
    pairs = None if edits is None else [Edit(pair.old_text, pair.new_text) for pair in edits]
    return Change(pairs, content, from_checkout)
