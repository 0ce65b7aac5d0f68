"""`referee status`: where a session stands, and its rows."""

import argparse
from pathlib import Path
from typing import Any

from ...session import budget, costs, ending
from ...session.inbox import waiting
from ...session.refs import branch
from ...session.results import columns, memory_gb, number, row
from ...session.state import Trial
from ...session.view import show_metrics
from .common import add_json, add_repo, add_tag
from .screen import duration, pairs, say, say_json, table, width
from .sessions import Seen, seen

EXHAUSTED = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_repo(parser)
    add_tag(parser)
    add_json(parser)


def run(given: argparse.Namespace) -> int:
    """Say where the session stands; 4 if its budget is used up."""
    return status(given.repo, given.tag, as_json=given.json)


def status(repo: Path, tag: str | None, *, as_json: bool) -> int:
    """Print where a session stands, and return the exit code."""
    with seen(repo, tag) as session:
        facts = collect(session)
        if as_json:
            say_json(facts)
        else:
            say("\n".join(_lines(session, facts)))
    return 0 if facts["continue"] else EXHAUSTED


def collect(session: Seen) -> dict[str, Any]:
    """Everything that the command knows, as data."""
    state = session.state
    opened = state.opened
    standing = session.view.standing()
    return {
        "tag": session.tag,
        "base": opened.base,
        "branch": branch(opened.tag).removeprefix("refs/heads/"),
        "target": opened.target,
        "metrics": {name: metric.goal for name, metric in opened.contract.metrics.items()},
        "integrity": opened.integrity,
        "sandbox": _sandbox(session),
        "held_by": session.held_by or None,
        "limits": state.budget.model_dump(mode="json"),
        **standing,
        "paused": state.paused,
        "stopped": state.stopped or None,
        "running": _running(session),
        "undecided": state.undecided.number if state.undecided else None,
        "baseline_failed": state.baseline_reason if state.baseline is None else "",
        "messages_waiting": len(waiting(session.home / "inbox")),
        "rows": [_row(trial) for trial in state.rows],
        "journal": session.records[-1].hash,
    }


def _sandbox(session: Seen) -> dict[str, str] | None:
    """What the last measured trial was confined by."""
    measured = [trial.measurement for trial in session.state.trials.values() if trial.measurement]
    if not measured:
        return None
    return {"level": str(measured[-1]["level"]), "backend": str(measured[-1]["backend"])}


def _running(session: Seen) -> dict[str, Any] | None:
    state = session.state
    if state.running is None:
        return None
    trial = state.trials[state.running]
    seconds = state.spent(budget.now()).seconds - trial.started
    facts = {"trial": trial.number, "description": trial.description, "limit": trial.limit}
    return facts | {"seconds": round(seconds, 1), "lost": not session.held_by}


def _row(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "commit": trial.commit,
        "metrics": dict(trial.metrics),
        "seconds": round(trial.seconds, 3),
        "memory_gb": round(memory_gb(trial), 3),
        "status": str(trial.decision),
        "verdict": trial.verdict,
        "description": trial.row,
    }


def _lines(session: Seen, facts: dict[str, Any]) -> list[str]:
    state, wide = session.state, width()
    metrics = ", ".join(f"{name} ({goal})" for name, goal in facts["metrics"].items())
    confined = facts["sandbox"]
    told = [
        ("session", f"{session.tag}, base {state.opened.base[:7]}, branch {facts['branch']}"),
        ("target", f"{state.opened.target} -> {metrics}"),
        ("integrity", state.opened.integrity),
        ("sandbox", f"{confined['level']}: {confined['backend']}" if confined else ""),
        ("held by", f"pid {session.held_by}" if session.held_by else "nobody"),
        ("budget", _budget(facts)),
        ("", _ended(session) or facts["budget"].get("warning", "")),
        ("", facts["budget"].get("nudge", "")),
        ("baseline", _trial(session, state.baseline) or _no_baseline(facts)),
        ("best", _trial(session, state.best_trial)),
        ("paused", "by the person: no trial begins until `referee resume`" if facts["paused"] else ""),
        ("running", _now(facts["running"])),
        ("waiting", _pending(state.undecided)),
        ("inbox", _inbox(facts["messages_waiting"])),
    ]
    lines = pairs(told, wide)
    if not state.rows:
        return [*lines, "", "No rows yet."]
    names = ["trial", *columns(state.opened.contract)]
    rows = [[str(trial.number), *row(state.opened.contract, trial)] for trial in state.rows]
    verdicts = ["verdict", *(trial.verdict for trial in state.rows)]
    whole = [[*line[:-1], verdict, line[-1]] for line, verdict in zip([names, *rows], verdicts, strict=True)]
    return [*lines, "", *table(whole, wide)]


def _budget(facts: dict[str, Any]) -> str:
    spent, limits = facts["budget"], facts["limits"]
    hours, usd = limits["max_wall_clock_hours"], limits["max_cost_usd"]
    parts = [
        f"{spent['experiments_spent']} of {_limit(limits['max_experiments'])} experiments",
        f"{duration(spent['seconds_spent'])} of {'any' if hours is None else duration(hours * 3600)}",
    ]
    if usd is not None or spent["cost_usd_spent"]:
        sources = costs.named(spent.get("cost_usd_by_source", {}))
        parts.append(f"${spent['cost_usd_spent']:.2f} of {'any' if usd is None else f'${usd:.2f}'}")
        parts[-1] += f" ({sources})" if sources else ""
    crashes = limits["max_consecutive_crashes"]
    if crashes is not None:
        parts.append(f"{crashes - spent['crashes_in_a_row_left']} of {crashes} crashes in a row")
    if limits["plateau"] is not None:
        parts.append(f"{spent['trials_without_keep']} of {limits['plateau']['trials']} trials without a keep")
    if limits["goal"] is not None:
        parts.append(f"goal {number(limits['goal'])}")
    if spent["trials_left_estimate"] is not None and facts["continue"]:
        left = spent["hours_left_estimate"]
        hours = "" if left is None else f" ({duration(left * 3600)})"
        parts.append(f"about {spent['trials_left_estimate']} trials left{hours}")
    return ", ".join(parts)


def _ended(session: Seen) -> str:
    check = ending.check(session.state, budget.now())
    return f"{check.headline}: {check.reason}; {check.remedy}" if check.exhausted else ""


def _limit(value: int | None) -> str:
    return "any" if value is None else str(value)


def _trial(session: Seen, trial: Trial | None) -> str:
    if trial is None:
        return ""
    return f"trial {trial.number}, {show_metrics(trial.metrics, session.view.contract)}, commit {trial.commit[:7]}"


def _no_baseline(facts: dict[str, Any]) -> str:
    return f"failed: {facts['baseline_failed']}" if facts["baseline_failed"] else "not measured yet"


def _now(running: dict[str, Any] | None) -> str:
    if running is None:
        return ""
    said = f"trial {running['trial']} ({running['description']})"
    if running["lost"]:
        return f"{said} was running when its server ended; the next server closes it"
    return f"{said}, {duration(running['seconds'])} of at most {duration(running['limit'])}"


def _pending(trial: Trial | None) -> str:
    return f"trial {trial.number} is measured ({trial.verdict}) and not decided" if trial else ""


def _inbox(messages: int) -> str:
    return f"{messages} message{'' if messages == 1 else 's'} that no server has taken in yet" if messages else ""
