"""What a person may do to a session that a server holds, taken in before every call.

Guarantee: a message from the inbox takes effect once; an edit of the policy is journaled; an edit of the contract
changes nothing, because the session is bound to the one it was opened with.
"""

from typing import Any

from . import budget
from .contract import Budget
from .errors import ProgramError, RefusedError
from .inbox import Message, waiting
from .session import Session

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


def extended(limits: Budget, experiments: int | None, hours: float | None, usd: float | None) -> Budget:
    """The limits with that much more.

    Raises:
        RefusedError: If an amount is not above 0, or nothing is asked for.
    """
    if experiments is None and hours is None and usd is None:
        raise RefusedError("extend: say what is added: --experiments, --hours or --usd.")
    return budget.extend(limits, experiments=experiments, hours=hours, usd=usd)


def extension(limits: Budget, message: str = "") -> dict[str, Any]:
    """What an `extended` record holds: the new limits, and the message that asked for them."""
    return {"budget": limits.model_dump(mode="json"), "message": message}


def _take(session: Session, message: Message) -> None:
    if message.kind != "extend":
        session.record("ignored", {"message": message.id, "kind": message.kind[:40]}, sync=False)
        return
    amounts = message.data
    try:
        more = (amounts.get("experiments"), amounts.get("hours"), amounts.get("usd"))
        session.record("extended", extension(extended(session.state.budget, *more), message.id))
    except (RefusedError, TypeError) as fault:
        session.record("ignored", {"message": message.id, "error": str(fault)[:200]}, sync=False)


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
