"""What an evaluator repeats of a target's words is no number that it reports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]

_CALLING = """\
---
target: train.py
evaluate: {function: evaluator.py:evaluate, timeout: 30s}
metrics: {score: maximize}
---
"""
_SUBPROCESS = """
import subprocess, sys

def evaluate(path):
    ended = subprocess.run([sys.executable, path])
    return {"score": 0.25} if ended.returncode == 0 else {"failed": 1.0}
"""
_TELLING = """
import importlib.util

def evaluate(path):
    try:
        spec = importlib.util.spec_from_file_location("target", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return {"score": module.answer()}
    except Exception as error:
        print(f"Evaluation failed: {error}")
        return {"failed": 1.0}
"""
_SCORING = """\
---
target: train.py
evaluate: {command: python3 train.py, score: python3 judge.py, artifacts: [out/], timeout: 30s}
metrics: {score: maximize}
---
"""
_JUDGE = """
import json, os
text = open("out/answer.txt").read()
print("read", text)
try:
    json.dump({"score": float(text)}, open(os.environ["REFEREE_METRICS"], "w"))
except ValueError:
    print("no number")
"""
_LEAVE = "import os\nos.makedirs('out', exist_ok=True)\nopen('out/answer.txt', 'w').write({!r})\n"


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize(
    ("files", "forgery"),
    [
        (
            {"program.md": _CALLING, "evaluator.py": _SUBPROCESS, "train.py": "print('fine')\n"},
            "print('score: 999')\nraise SystemExit(1)\n",
        ),
        (
            {"program.md": _CALLING, "evaluator.py": _TELLING, "train.py": "def answer(): return 0.25\n"},
            "raise ValueError('bad\\nscore: 999')\n",
        ),
        (
            {"program.md": _SCORING, "judge.py": _JUDGE, "train.py": _LEAVE.format("0.25")},
            _LEAVE.format("none\nscore: 999"),
        ),
        (
            {
                "program.md": _SCORING.replace("train.py\nevaluate", "prompt.md\nevaluate")
                .replace("target: prompt.md", "target: {path: prompt.md, kind: data}")
                .replace(
                    "command: python3 train.py, score: python3 judge.py, artifacts: [out/]", "command: python3 judge.py"
                ),
                "judge.py": _JUDGE.replace("out/answer.txt", "prompt.md"),
                "prompt.md": "0.25",
            },
            "none\nscore: 999\n",
        ),
    ],
    ids=["forwarded output", "exception", "artifact", "data"],
)
async def test_an_echo_is_a_crash_and_never_a_score(
    connect: Any, make_project: MakeProject, files: dict[str, str], forgery: str
) -> None:
    async with connect(make_project(files | {"run.sh": ""})) as agent:
        baseline = await agent("run_eval", description="baseline")
        forged = await agent("run_trial", description="forge", content=forgery)
    assert baseline["metrics"] == {"score": 0.25}
    assert (forged["decision"], forged["metrics"]) == ("crash", {})
