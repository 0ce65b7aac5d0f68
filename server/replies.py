"""From a verb's reply to what goes over the wire: the same facts as structure and as text."""

import json
from typing import Any

from ..session.person import News
from ..session.reply import Reply
from ..session.shapes import is_list, is_table
from ..session.state import State
from ..session.untrusted import fenced
from ..session.view import View


def structured(reply: Reply, view: View, news: News) -> dict[str, Any]:
    """The reply as one object, with what every reply carries, and what the person says."""
    facts: dict[str, Any] = {"text": "\n".join(filter(None, [news.text, _text(reply)]))}
    facts |= {name: value for name, value in reply.facts.items() if value is not None}
    facts |= view.standing()
    if news.lines:
        facts["told"] = list(news.lines)
    if note := ". ".join(filter(None, [news.note, view.note])):
        facts["note"] = note
    facts["journal"] = view.head
    facts["next"] = _next(reply, facts, view.maybe_state)
    return {name: _sound(value) for name, value in facts.items()}


def compact(facts: dict[str, Any]) -> str:
    """The same as text, for clients that show only text: what a person wants to read, then where things stand."""
    left = facts["budget"]
    standing = {
        "status": facts.get("status"),
        "decision": facts.get("decision"),
        "best": _short(facts.get("best")),
        "baseline": _short(facts.get("baseline")),
        "experiments left": left["experiments_left"],
        "seconds left": left["seconds_left"],
        "dollars left": left["cost_usd_left"],
        "continue": facts["continue"],
        "paused": facts.get("paused"),
    }
    lines = [facts["text"], f"[{_joined(standing)}]", *([f"Note: {facts['note']}."] if "note" in facts else [])]
    lines += [f"{name.capitalize()}: {left[name]}." for name in ("warning", "nudge") if name in left]
    return "\n".join([*lines, f"Next: {facts['next']} (journal {facts['journal'][:12]})"])


def error(tool: str, fault: str) -> str:
    """What the agent reads when a call did nothing."""
    return str(_sound(f"ERROR {tool}: {fault}"))


def _sound(value: Any) -> Any:
    """The same without halves of characters, which no JSON on the wire can carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if is_table(value):
        return {name: _sound(inner) for name, inner in value.items()}
    return [_sound(inner) for inner in value] if is_list(value) else value


def _text(reply: Reply) -> str:
    if not reply.untrusted:
        return reply.text
    return f"{reply.text}\n{fenced(reply.untrusted)}"


def _next(reply: Reply, facts: dict[str, Any], state: State | None) -> str:
    """A call that would not be refused now, whatever else has happened since the reply was made."""
    if facts.get("status") in {"measured", "running"}:
        return reply.next
    if state is not None and state.running is not None:
        return f"run_eval goes on waiting for trial {state.running}."
    if state is not None and (waiting := state.undecided) and waiting.may_keep:
        same = waiting.blob == state.draft
        condition = "" if same else ", if the draft is again what it measured"
        return f"keep accepts trial {waiting.number}{condition}; revert discards it."
    if not facts["continue"]:
        return f"Stop: {facts['budget']['reason']}. append_result may still add words."
    if facts.get("paused"):
        return "run_eval waits until the person resumes the session; reading and editing go on."
    return reply.next or "run_trial tries one idea."


def _short(found: dict[str, Any] | None) -> str | None:
    if found is None:
        return None
    return f"trial {found['trial']} " + json.dumps(found["metrics"], separators=(",", ":"))


def _joined(facts: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} {json.dumps(v) if isinstance(v, bool) else v}" for name, v in facts.items() if v is not None
    )
