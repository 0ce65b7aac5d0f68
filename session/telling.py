"""What the person says, handed to the agent of one server with its next answer.

Guarantee: a line is told once by this server, and journaled as heard as soon as the server holds the session; a line
that was told and could not be journaled is told again by the next server.
"""

from contextlib import suppress

from ..sandbox.errors import RefereeError
from .person import News
from .session import Session
from .view import View


class Teller:
    """Knows which of the person's lines this server's agent was given."""

    def __init__(self) -> None:
        self._given = 0

    def news(self, view: View, held: Session | None) -> News:
        """What was said since the last answer.

        Args:
            view: What the answer is read from.
            held: The session that this server holds, if it does.
        """
        state = view.maybe_state
        if state is None:
            return News()
        said, own = state.said, held if view is held else None
        given = max(said.heard, self._given)
        news = News(tuple(said.after(given)), said.policy and own is not None)
        self._given = given + len(news.lines)
        if own is not None and (self._given > said.heard or news.policy):
            with suppress(RefereeError, OSError):
                own.record("heard", {"count": self._given - said.heard, "policy": news.policy}, sync=False)
        return news
