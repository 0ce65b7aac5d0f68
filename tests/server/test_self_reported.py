"""Self-reported: what pays there is known, and the record says at which level a number was taken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forgeries import FORGERIES, HONEST, TRUE_SCORE
from tests.server.test_sealed import SEALED
from tests.sessions import records

pytestmark = pytest.mark.anyio

_TOGETHER = """
import runpy
from helper import scored

runpy.run_path("train.py")
print("score:", scored(open("out/answer.txt").read()))
"""
_PROGRAM = """\
---
target: train.py
evaluate: {command: python3 judge.py, timeout: 30s}
metrics: {score: {goal: maximize}}
---
"""
# Of the forgeries that `sealed` stops, those that win where target and evaluator share a process.
PAYS = {
    "1 fake metric then exit",
    "60 answer read",
    "artifact is a link",
}


async def test_the_forgeries_that_pay_are_those_of_the_table_and_the_record_names_the_level(
    connect: Any, make_project: Callable[..., Path], git: Callable[..., str]
) -> None:
    project = make_project(SEALED | {"program.md": _PROGRAM, "judge.py": _TOGETHER})
    paid: set[str] = set()
    async with connect(project) as agent:
        for name, forgery in FORGERIES.items():
            answer = await agent("run_trial", description=name, content=f"{HONEST}{forgery}\n")
            if answer["metrics"].get("score", TRUE_SCORE) != TRUE_SCORE:
                paid.add(name)
                await agent("revert", to="0")
    assert paid == PAYS
    measured = [record.data for record in records(project) if record.kind == "trial_measured"]
    assert {data["integrity"] for data in measured} == {"self-reported"}
    assert "Referee-Integrity: self-reported" in git(project, "log", "--all", "--format=%B")
