"""`audit --verify` on steps, verdicts and budget: a journal whose chain was computed anew still contradicts itself."""

from collections.abc import Callable
from typing import Any

import pytest
from referee.session.project import Project
from referee.session.verify import verify

from tests.finished import TAG, Finished, found

Forge = Callable[[list[dict[str, Any]]], Any]


def _set(kind: str, trial: int, *keys: str, to: object) -> Forge:
    def change(records: list[dict[str, Any]]) -> None:
        data = next(r["data"] for r in records if r["kind"] == kind and r["data"].get("trial", trial) == trial)
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("forgery", "check", "said"),
    [
        (_set("trial_measured", 2, "verdict", to="improved"), "verdicts", "trial 2: verdict is recorded as 'improved'"),
        (_set("trial_measured", 2, "may_keep", to=True), "verdicts", "trial 2: may_keep is recorded as True"),
        (_set("trial_measured", 2, "reason", to="good"), "verdicts", "trial 2: reason is recorded as 'good'"),
        (_set("trial_measured", 4, "lines", to=9), "commits", "run.sh has 1 lines, the journal says 9"),
        (_set("trial_measured", 1, "measurement", "runs", to=[{"loss": 1.0}]), "verdicts", "medians of its runs"),
        (_set("trial_measured", 3, "measurement", "reason", to=""), "verdicts", "trial 3: "),
        (_set("trial_measured", 0, "verdict", to="improved"), "verdicts", "trial 0: verdict is recorded"),
        (_set("decided", 2, "decision", to="keep"), "steps", "trial 2: keep, but it may not be kept (worse)"),
        (_set("decided", 3, "decision", to="discard"), "steps", "discard, which is not the word for crash"),
        (_set("trial_started", 5, "parent", to="0" * 40), "steps", "trial 5: its parent is '0000"),
        (_set("trial_started", 5, "blob", to="0" * 40), "steps", "trial 5: it did not measure the draft"),
        (_set("trial_started", 5, "limit", to=500.0), "budget", "trial 5: it was given 500.0 s, 20.0 s were left"),
        (_set("trial_measured", 5, "measurement", "seconds", to=99.0), "budget", "trial 5: it took 99.0 s of 20.0 s"),
        (
            _set("opened", 0, "budget", "max_experiments", to=2),
            "budget",
            "trial 3: it began although the budget is used up",
        ),
        (_set("opened", 0, "budget", "max_cost_usd", to=0.5), "budget", "used up ($0.50 of $0.5)"),
        (_set("opened", 0, "contract", "metrics", "loss", "goal", to="maximize"), "steps", "is not the one that its"),
        (_set("opened", 0, "tag", to="other"), "steps", "opened as 'other', not as mar8"),
        (_set("opened", 0, "results", to="/etc/passwd"), "rows", "'/etc/passwd' is no name for a results file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_forged_step_is_named(done: Finished, forgery: Forge, check: str, said: str) -> None:
    done.forge(forgery)
    assert [text for text in _found_by_pointer(done)[check] if said in text]


def _found_by_pointer(done: Finished) -> dict[str, list[str]]:
    """Findings of the session that the pointer names, whatever its journal calls itself."""
    project = Project(done.repo)
    try:
        return found(verify(project, TAG, done.home))
    finally:
        project.git.close()


def _add(kind: str, data: dict[str, Any]) -> Forge:
    return lambda records: records.append(records[-1] | {"kind": kind, "data": data})


def test_a_limit_that_was_lowered_or_removed_is_named(done: Finished) -> None:
    budget = {"max_experiments": 50, "max_wall_clock_hours": None, "max_cost_usd": None, "max_consecutive_crashes": 10}
    done.forge(_add("extended", {"budget": budget, "message": ""}))
    assert [said.split(": ")[1] for said in found(done.verified())["budget"]] == [
        "max_experiments went from 100 to 50",
        "max_wall_clock_hours went from 8.0 to None",
    ]


def test_a_message_taken_in_twice_is_named(done: Finished) -> None:
    budget = done.records[0]["data"]["budget"]
    twice = _add("extended", {"budget": budget, "message": "abc"})
    done.forge(lambda records: (twice(records), twice(records)))
    assert ["the message 'abc' was taken in twice" in said for said in found(done.verified())["budget"]] == [True]


@pytest.mark.parametrize(
    ("kind", "data"),
    [("told", {"text": "x"}), ("paused", {}), ("unpaused", {}), ("stopped", {"reason": "", "now": False})],
)
def test_a_request_of_the_person_taken_in_twice_is_named(done: Finished, kind: str, data: dict[str, Any]) -> None:
    twice = _add(kind, data | {"message": "abc"})
    done.forge(lambda records: (twice(records), twice(records)))
    assert ["the message 'abc' was taken in twice" in said for said in found(done.verified())["steps"]] == [True]


@pytest.mark.parametrize("count", [2, -1])
def test_more_lines_heard_than_were_told_are_named(done: Finished, count: int) -> None:
    told, heard = _add("told", {"text": "x", "message": ""}), _add("heard", {"count": count, "policy": False})
    done.forge(lambda records: (told(records), heard(records)))
    assert [said.split(": ")[1] for said in found(done.verified())["steps"]] == [
        f"{count} lines were heard, 1 were waiting"
    ]


def test_a_trial_that_began_after_the_session_was_stopped_is_named(done: Finished) -> None:
    line = done.line_of("trial_started", trial=5)
    stopped = {"kind": "stopped", "data": {"reason": "enough", "now": False, "message": ""}}
    done.forge(lambda records: records.insert(line - 1, records[line - 2] | stopped))
    assert any("stopped by the person: enough" in said for said in found(done.verified())["budget"])
