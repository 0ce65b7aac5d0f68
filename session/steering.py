"""What a person may do to a session that a server holds, taken in before every call and about once a second.

Guarantee: a message from the inbox takes effect once; an edit of the policy is journaled; an edit of the contract
changes nothing, because the session is bound to the one it was opened with.
"""

from collections.abc import Callable, Mapping
from typing import Any

from . import budget, costs
from .contract import Budget
from .errors import ProgramError, RefusedError
from .inbox import Message, waiting
from .results import one_line
from .session import Session
from .state import State

MAX_TELL = 2_000
MAX_REASON = 200

_OTHER_CONTRACT = (
    "program.md states another contract now; this session stays bound to its own. "
    "A changed contract needs another --tag"
)


def take_in(session: Session) -> None:
    """Take in the inbox and a changed policy."""
    for path, message in waiting(session.state_home / "inbox"):
        if message.id not in session.state.taken:
            _take(session, message)
        path.unlink(missing_ok=True)
    _notice_policy(session)


def extended(
    limits: Budget, experiments: int | None, hours: float | None, usd: float | None, goal: float | None = None
) -> Budget:
    """The limits with that much more, and another goal.

    Raises:
        RefusedError: If an amount is not above 0, or nothing is asked for.
    """
    if experiments is None and hours is None and usd is None and goal is None:
        raise RefusedError("extend: say what is added: --experiments, --hours or --usd; or another --goal.")
    return budget.extend(limits, experiments=experiments, hours=hours, usd=usd, goal=goal)


def effect(state: State, kind: str, data: Mapping[str, Any], message: str = "") -> tuple[str, dict[str, Any]]:
    """The record that a request becomes: its kind and its data.

    Args:
        state: Of the session that it is for.
        kind: One of `REQUESTS`.
        data: What goes with it.
        message: Id of the message that it came in, empty where no server holds the session.

    Raises:
        RefusedError: If it cannot stand.
    """
    record, shaped = REQUESTS[kind]
    return record, {**shaped(state, data), "message": message}


def _extension(state: State, data: Mapping[str, Any]) -> dict[str, Any]:
    amounts = (data.get(name) for name in ("experiments", "hours", "usd", "goal"))
    limits = extended(state.budget, *amounts)
    return {"budget": limits.model_dump(mode="json")}


def _line(_: State, data: Mapping[str, Any]) -> dict[str, Any]:
    text = one_line(_text(data, "text"))
    if not text:
        raise RefusedError("tell: the text is empty. Say in one line what the agent should know.")
    if len(text) > MAX_TELL:
        raise RefusedError(f"tell: the text has {len(text)} characters; at most {MAX_TELL} are told. Shorten it.")
    return {"text": text}


def _stop(_: State, data: Mapping[str, Any]) -> dict[str, Any]:
    reason = one_line(_text(data, "reason"))
    if len(reason) > MAX_REASON:
        raise RefusedError(f"stop: the reason has {len(reason)} characters; at most {MAX_REASON} are kept. Shorten it.")
    return {"reason": reason, "now": data.get("now") is True}


def _client(_: State, data: Mapping[str, Any]) -> dict[str, Any]:
    return costs.checked_client(data)


def _nothing(_: State, __: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise RefusedError(f"{name}: expected a text")
    return value


REQUESTS: Mapping[str, tuple[str, Callable[[State, Mapping[str, Any]], dict[str, Any]]]] = {
    "extend": ("extended", _extension),
    "tell": ("told", _line),
    "pause": ("paused", _nothing),
    "resume": ("unpaused", _nothing),
    "stop": ("stopped", _stop),
    "client": ("client", _client),
}


def _take(session: Session, message: Message) -> None:
    if message.kind not in REQUESTS:
        session.record("ignored", {"message": message.id, "kind": message.kind[:40]}, sync=False)
        return
    try:
        kind, data = effect(session.state, message.kind, message.data, message.id)
    except (RefusedError, TypeError) as fault:
        session.record("ignored", {"message": message.id, "error": str(fault)[:200]}, sync=False)
        return
    session.record(kind, data)
    if kind in {"stopped", "unpaused"}:
        session.cut_short = data.get("now", False)
    if kind == "client":
        session.publish()


def _notice_policy(session: Session) -> None:
    try:
        program = session.project.program()
    except ProgramError:
        return
    if program.sha256 == session.state.policy_sha256:
        return
    same = program.contract.digest() == session.state.opened.contract.digest()
    session.record("policy", {"sha256": program.sha256, "contract_unchanged": same}, sync=False)
    session.note = "" if same else _OTHER_CONTRACT
