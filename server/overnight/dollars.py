"""What the night tells the session's server of its client's runs and their dollars.

Guarantee: the session's lock is never taken; a message lies in the inbox until a server takes it in, and its dollars
count here from the moment that it lies there, so that no client is started on money that is spent.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...session.costs import checked_client
from ...session.errors import RefusedError
from ...session.inbox import drop, waiting
from ...session.state import State
from ..clients.base import Client


def started(inbox: Path, client: Client) -> None:
    """A run begins."""
    _leave(inbox, client, "started", 0.0)


def ended(inbox: Path, client: Client, usd: float) -> None:
    """A run has ended and cost that much; 0 where the client does not say."""
    _leave(inbox, client, "ended", usd)


def _leave(inbox: Path, client: Client, event: str, usd: float) -> None:
    drop(inbox, "client", {"event": event, "client": client.name, "accounts": client.accounts, "usd": usd})


def counted(state: State, inbox: Path) -> State:
    """The state with the dollars of messages that no server has taken in yet; `state` itself stays as it is."""
    new = [message for _, message in waiting(inbox) if message.kind == "client" and message.id not in state.taken]
    if not new:
        return state
    seen = copy.copy(state)
    seen.account = copy.deepcopy(state.account)
    for message in new:
        _fold(seen, message.data)
    return seen


def _fold(state: State, data: Mapping[str, Any]) -> None:
    try:
        told = checked_client(data)
    except RefusedError:
        return
    state.account.told(told["event"], told["client"], told["usd"], accounts=told["accounts"])
