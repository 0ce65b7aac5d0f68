"""`referee show N`: one trial with its reasons, its diff and the end of its log."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...session import costs, logs, retention
from ...session.contract import Metric
from ...session.edits import unified_diff
from ...session.errors import RefusedError
from ...session.feedback import all_lines
from ...session.numbers import exact, show
from ...session.protections import summary
from ...session.results import memory_gb
from ...session.state import Trial
from .common import add_json, add_repo, add_tag
from .screen import cut, duration, memory, pairs, say, say_json, table, width
from .sessions import Seen, seen

_LOG_LINES = 20
_LOG_COLUMNS = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("number", type=int, metavar="N", help="number of the trial; 0 is the baseline")
    add_repo(parser)
    add_tag(parser)
    add_json(parser)


def run(given: argparse.Namespace) -> int:
    """Show one trial."""
    return show_trial(given.repo, given.tag, given.number, as_json=given.json)


def show_trial(repo: Path, tag: str | None, number: int, *, as_json: bool) -> int:
    """Print one trial, and return the exit code.

    Raises:
        RefusedError: If there is no such trial.
    """
    with seen(repo, tag) as session:
        facts = collect(session, _found(session, number))
        if as_json:
            say_json(facts)
        else:
            say("\n".join(_lines(session, facts)))
    return 0


def _found(session: Seen, number: int) -> Trial:
    trials = session.state.trials
    if number not in trials:
        have = f"expected 0 to {max(trials)}" if trials else "no trial was measured yet"
        raise RefusedError(f"show: no trial {number} in session {session.tag}; {have}.")
    return trials[number]


def collect(session: Seen, trial: Trial) -> dict[str, Any]:
    """Everything that the command knows of a trial, as data."""
    then = _best_of_then(session, trial)
    measured = session.measurement(trial.number)
    return {
        "trial": trial.number,
        "tag": session.tag,
        "description": trial.row or trial.description,
        "said_before": trial.description,
        "decision": str(trial.decision) if trial.decision else None,
        "verdict": trial.verdict or None,
        "reason": trial.reason,
        "interrupted": trial.interrupted,
        "metrics": dict(trial.metrics),
        "best_of_then": None if then is None else {"trial": then.number, "metrics": dict(then.metrics)},
        "baseline": dict(session.state.baseline.metrics) if session.state.baseline else None,
        "runs": measured.get("runs", []),
        "seconds": round(trial.seconds, 3),
        "limit": trial.limit,
        "memory_gb": round(memory_gb(trial), 3) if measured else None,
        "exit_code": measured.get("exit_code"),
        "level": measured.get("level"),
        "backend": measured.get("backend"),
        "protections": measured.get("protections") or None,
        "integrity": session.state.opened.integrity,
        "notes": list(measured.get("notes", ())),
        "retained": _retained(session, trial),
        "commit": trial.commit or None,
        "parent": trial.parent,
        "lesson": trial.lesson,
        "cost_usd": trial.cost_usd,
        "costs": dict(trial.costs),
        "paused": session.state.paused,
        "stopped": session.state.stopped or None,
        "diff": "" if then is None else _diff(session, then, trial),
        "log": _log(session, trial),
    }


def _retained(session: Seen, trial: Trial) -> list[dict[str, Any]]:
    """What the trial left, and where in the store it lies; None where it was not kept or had to make room."""
    stored = session.state.shelf.get(trial.number, ())
    return [
        asdict(file) | {"place": str(session.home / retention.STORE / file.sha256) if file in stored else None}
        for file in retention.left_by(trial.measurement)
    ]


def _told_retained(file: dict[str, Any]) -> str:
    place = file["place"] or "not in the store: not kept, or dropped to make room"
    return f"{file['path']}, {file['size']} bytes, sha256 {file['sha256']}: {place}"


def _best_of_then(session: Seen, trial: Trial) -> Trial | None:
    if trial.number == 0:
        return None
    return next((kept for kept in session.state.kept if kept.commit == trial.parent), None)


def _diff(session: Seen, then: Trial, trial: Trial) -> str:
    return unified_diff(session.view.text(then.blob), session.view.text(trial.blob), session.state.opened.target)


def _log(session: Seen, trial: Trial) -> list[str]:
    last = max(len(session.measurement(trial.number).get("runs", ())) - 1, 0)
    lines = all_lines(session.home, trial.number, last)[-_LOG_LINES:]
    if not lines and logs.gone(session.state, trial.number):
        return ["(removed to make room for later ones; `referee audit` says when)"]
    return [cut_line(line) for line in lines]


def cut_line(line: str) -> str:
    """A line of a log, of bounded length."""
    return line if len(line) <= _LOG_COLUMNS else f"{line[:_LOG_COLUMNS]}…"


def _lines(session: Seen, facts: dict[str, Any]) -> list[str]:
    wide = width()
    decided = facts["decision"] or ("not decided" if facts["verdict"] else _unmeasured(session))
    peak = "" if facts["memory_gb"] is None else f", memory {memory(facts['memory_gb'])}"
    told = [
        ("decision", f"{decided} ({facts['verdict']})" if facts["verdict"] else decided),
        ("reason", facts["reason"]),
        ("took", f"{duration(facts['seconds'])} of at most {duration(facts['limit'])}{peak}"),
        ("sandbox", f"{facts['level']}: {facts['backend']}" if facts["level"] else ""),
        ("protected", summary(facts["protections"] or {}) if facts["level"] else ""),
        ("integrity", facts["integrity"]),
        ("note", "; ".join(facts["notes"])),
        ("session", facts["stopped"] or ("paused by the person" if facts["paused"] else "")),
        *(("retained", _told_retained(file)) for file in facts["retained"]),
        ("commit", facts["commit"] or ""),
        ("parent", facts["parent"] if facts["trial"] else ""),
        ("lesson", facts["lesson"] or ""),
        ("cost", _cost(facts)),
    ]
    head = cut(f"trial {facts['trial']} of {session.tag}: {facts['description']}", wide)
    parts = [head, *pairs(told, None), *_metrics(session, facts)]
    if facts["diff"]:
        parts += ["", *facts["diff"].rstrip("\n").split("\n")]
    elif facts["best_of_then"] is not None:
        parts += ["", f"No difference from trial {facts['best_of_then']['trial']}."]
    return [*parts, "", *_fenced(facts["log"])]


def _cost(facts: dict[str, Any]) -> str:
    counted, said = facts["costs"], facts["cost_usd"]
    withheld = {} if said is None or costs.REPORTED in counted else {f"{costs.REPORTED} (not counted)": said}
    return costs.named(counted | withheld)


def _unmeasured(session: Seen) -> str:
    return "running" if session.held_by else "not measured: its server ended; the next one closes it"


def _metrics(session: Seen, facts: dict[str, Any]) -> list[str]:
    if not facts["metrics"]:
        return []
    then, contract = facts["best_of_then"], session.view.contract
    names = ["metric", "value", *([f"best then ({then['trial']})", "change"] if then else [])]
    names += ["baseline", "change"] if then and facts["baseline"] else []
    rows = [names]
    for name, metric in contract.metrics.items():
        if name in facts["metrics"]:
            against = [then["metrics"], facts["baseline"]] if then else []
            rows.append([name, show(facts["metrics"][name]), *_against(metric, name, facts["metrics"], against)])
    others = sorted(facts["metrics"].keys() - contract.metrics.keys())
    rows += [[name, show(facts["metrics"][name]), *[""] * (len(names) - 2)] for name in others]
    return ["", *table([[*row, ""] for row in rows], None)]


def _against(metric: Metric, name: str, values: dict[str, float], others: list[dict[str, float] | None]) -> list[str]:
    said: list[str] = []
    for other in others:
        if other and name in other:
            change = exact(values[name]) - exact(other[name])
            better = change > 0 if metric.goal == "maximize" else change < 0
            word = "" if not change else " better" if better else " worse"
            said += [show(other[name]), f"{'+' if change > 0 else ''}{show(change)}{word}"]
    return said


def _fenced(lines: list[str]) -> list[str]:
    """Output of evaluated code, so marked that no line of it can pass for a line of ours."""
    if not lines:
        return ["No output."]
    title = "End of the log (untrusted output of the evaluated code):"
    return [title, *(f"  | {line}" for line in lines)]
