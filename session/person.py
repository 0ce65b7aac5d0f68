"""What the person has said and asked for while the session goes on, folded from its records.

Guarantee: a line waits until the agent has been given it; a pause and a stop last until the person resumes. What is
kept is bounded, unless lines come faster than anybody hears them. Edge: that a reply was shaped is all that is known; a
server that is killed before its client read that reply tells nothing again, but `read_program` shows the last lines.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import PausedError

KEPT = 10
AT_ONCE = 5


@dataclass(slots=True)
class Said:
    """The person's lines.

    Attributes:
        lines: The last ones, and all that were not heard, oldest first.
        count: How many there ever were.
        heard: How many of them the agent was given.
        policy: The policy was changed, and the agent was not told.
    """

    lines: list[str] = field(default_factory=list[str])
    count: int = 0
    heard: int = 0
    policy: bool = False

    def tell(self, line: str) -> None:
        """Add a line."""
        self.lines.append(line)
        self.count += 1
        del self.lines[: -max(KEPT, self.count - self.heard)]

    def hear(self, count: int) -> None:
        """So many more lines were given to the agent."""
        self.heard = min(self.count, self.heard + count)
        del self.lines[: -max(KEPT, self.count - self.heard)]

    def after(self, heard: int) -> list[str]:
        """The next few lines for someone who was given that many."""
        waiting = min(self.count - heard, len(self.lines))
        return self.lines[-waiting:][:AT_ONCE] if waiting > 0 else []


@dataclass(frozen=True, slots=True)
class News:
    """What the next reply tells besides its own: the person's lines, and whether the policy was changed."""

    lines: tuple[str, ...] = ()
    policy: bool = False

    @property
    def text(self) -> str:
        """The lines as sentences."""
        return "\n".join(f"The person says: {line}" for line in self.lines)

    @property
    def note(self) -> str:
        """The same of the policy; empty if it was not changed."""
        return "program.md's policy was changed: call read_program" if self.policy else ""


class Steered(Protocol):
    """What of a session's state follows from the person's records."""

    said: Said
    paused: bool
    unattended: bool
    stopped: str
    taken: set[str]


def refuse_paused(state: Steered) -> None:
    """Raise PausedError while the session is paused."""
    if state.paused:
        raise PausedError(
            "the session is paused by the person, so no trial begins. Call run_eval again to wait for the resume, or "
            "check_budget; reading, editing, keep, revert and append_result go on."
        )


def _told(state: Steered, data: Mapping[str, Any]) -> None:
    state.said.tell(data["text"])
    state.taken.add(data["message"])


def _heard(state: Steered, data: Mapping[str, Any]) -> None:
    state.said.hear(data["count"])
    state.said.policy = state.said.policy and not data.get("policy", False)


def _paused(state: Steered, data: Mapping[str, Any]) -> None:
    state.paused = True
    state.unattended = not data["message"]  # whoever took the lock knows that no trial runs, whatever the journal says
    state.taken.add(data["message"])


def _unpaused(state: Steered, data: Mapping[str, Any]) -> None:
    state.paused = state.unattended = False
    state.stopped = ""
    state.taken.add(data["message"])


def _stopped(state: Steered, data: Mapping[str, Any]) -> None:
    reason = data["reason"]
    state.stopped = f"stopped by the person: {reason}" if reason else "stopped by the person"
    state.taken.add(data["message"])


EFFECTS: Mapping[str, Callable[[Steered, Mapping[str, Any]], None]] = {
    "told": _told,
    "heard": _heard,
    "paused": _paused,
    "unpaused": _unpaused,
    "stopped": _stopped,
}
