"""Proxied: an evaluator that calls its target gets a stand-in, and the target cannot change what is measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sessions import home_of, records

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]

_PROGRAM = """\
---
target: train.py
evaluate: {function: evaluator.py:evaluate, timeout: 30s}
metrics: {score: maximize}
---
"""
_EVALUATOR = """
import importlib.util

TRUTH = 42


def compare(answer):
    return 1.0 if answer == TRUTH else 0.25


def evaluate(path):
    spec = importlib.util.spec_from_file_location("target", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {"score": compare(module.answer(list(range(5))))}
"""
HONEST = "def answer(numbers):\n    return sum(numbers)\n"

# Each of these scores 1.0 or more where the evaluator runs the target itself.
PAYING = {
    "frame walk": """
import sys
def answer(numbers):
    frame = sys._getframe()
    while frame:
        if "TRUTH" in frame.f_globals:
            return frame.f_globals["TRUTH"]
        frame = frame.f_back
""",
    "evaluator patched": """
import sys
def answer(numbers):
    frame = sys._getframe()
    while frame:
        if "TRUTH" in frame.f_globals:
            frame.f_globals["TRUTH"] = 7
        frame = frame.f_back
    return 7
""",
    "objects searched": """
import gc
def answer(numbers):
    return next(found["TRUTH"] for found in gc.get_objects() if isinstance(found, dict) and "TRUTH" in found)
""",
    "equal to everything": """
class Equal:
    def __eq__(self, other): return True
def answer(numbers): return Equal()
""",
    "result file and exit": """
import json, os
json.dump({"score": 999}, open(os.environ["REFEREE_METRICS"], "w"))
os._exit(0)
""",
    "answer read": """
import glob, re
def answer(numbers):
    for path in glob.glob("**/evaluator.py", recursive=True):
        return int(re.search("TRUTH = ([0-9]+)", open(path).read())[1])
""",
}


def project_of(make_project: MakeProject, program: str = _PROGRAM, **files: str) -> Path:
    given = {"program.md": program, "train.py": HONEST, "evaluator.py": _EVALUATOR, "run.sh": ""}
    return make_project(given | {name.replace("__", "."): text for name, text in files.items()})


@pytest.mark.promise("earned keep")
async def test_no_forgery_changes_the_score(connect: Any, make_project: MakeProject) -> None:
    project = project_of(make_project)
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
        results = {name: await agent("run_trial", description=name, content=code) for name, code in PAYING.items()}
        honest = await agent("run_trial", description="honest", content="def answer(numbers): return 42\n")
    assert baseline["metrics"] == {"score": 0.25}
    assert {name: found["metrics"].get("score", 0.25) for name, found in results.items()} == dict.fromkeys(PAYING, 0.25)
    assert (honest["decision"], honest["metrics"]) == ("keep", {"score": 1.0})
    assert records(project)[0].data["integrity"] == "proxied"
    assert not [record for record in records(project) if record.kind == "lowered"]


async def test_the_same_forgeries_pay_where_the_level_is_self_reported(connect: Any, make_project: MakeProject) -> None:
    program = _PROGRAM.replace("timeout: 30s", "timeout: 30s, integrity: self-reported")
    async with connect(project_of(make_project, program)) as agent:
        await agent("run_eval", description="baseline")
        paid = [
            name
            for name, code in PAYING.items()
            if (await agent("run_trial", description=name, content=code))["metrics"].get("score", 0) >= 1
            and await agent("revert", to="0")
        ]
        program_text = (await agent("read_program"))["text"]
    assert paid == list(PAYING)
    assert "Integrity: self-reported" in program_text


async def test_what_cannot_be_proxied_falls_to_self_reported_and_says_why(
    connect: Any, make_project: MakeProject
) -> None:
    evaluator = _EVALUATOR.replace("answer == TRUTH", "answer is not None and type(answer).__name__ == 'Odd'")
    target = "class Odd: pass\ndef answer(numbers): return Odd()\n"
    project = project_of(make_project, evaluator__py=evaluator, train__py=target)
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
        program = (await agent("read_program"))["text"]
    (lowered,) = [record.data for record in records(project) if record.kind == "lowered"]
    assert baseline["metrics"] == {"score": 1.0}
    assert "Odd" in lowered["reason"]
    assert "Integrity: self-reported" in program


@pytest.mark.promise("confined trial")
async def test_with_private_data_nothing_falls(connect: Any, make_project: MakeProject) -> None:
    program = _PROGRAM.rstrip().removesuffix("---") + "sandbox: {private: [labels/]}\n---\n"
    evaluator = _EVALUATOR.replace("TRUTH = 42", "TRUTH = int(open('labels/truth.txt').read())")
    target = "class Odd: pass\ndef answer(numbers): return Odd()\n"
    files = {"evaluator__py": evaluator, "train__py": target, "labels/truth__txt": "42"}
    async with connect(project_of(make_project, program, **files)) as agent:
        refusal = await agent.refused("run_eval", description="baseline")
    assert "the baseline failed" in refusal


@pytest.mark.promise("confined trial")
async def test_the_evaluator_has_private_data_and_the_target_has_not(connect: Any, make_project: MakeProject) -> None:
    program = _PROGRAM.rstrip().removesuffix("---") + "sandbox: {private: [labels/]}\n---\n"
    evaluator = _EVALUATOR.replace("TRUTH = 42", "TRUTH = int(open('labels/truth.txt').read())")
    target = "import glob, os\ndef answer(numbers):\n    print('sees', sorted(os.listdir('.')))\n    return 1\n"
    project = project_of(make_project, program, evaluator__py=evaluator, **{"labels/truth__txt": "42"})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="look", content=target)
    assert "sees ['train.py']" in (home_of(project) / "logs" / "1.log").read_text()


async def test_modules_that_the_target_imports_are_exposed_to_it(connect: Any, make_project: MakeProject) -> None:
    target = "from parts import double\ndef answer(numbers):\n    return double(21)\n"
    files = {"train__py": target, "parts__py": "import deeper\ndef double(n): return 2 * n\n", "deeper__py": ""}
    project = project_of(make_project, **files)
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
    assert baseline["metrics"] == {"score": 1.0}
    assert records(project)[0].data["jail"]["exposed"] == ["deeper.py", "parts.py"]
    assert not [record for record in records(project) if record.kind == "lowered"]


_READS = {
    "at once": "def reads(path):\n    return open(path).read()\n",
    "by a path object": "from pathlib import Path\ndef reads(path):\n    return Path(path).resolve().read_text()\n",
    "in a helper": (
        "def text(name):\n    with open(name) as file:\n        return file.read()\ndef reads(p): return text(p)\n"
    ),
    "in a module": "import checks\ndef reads(path):\n    return checks.text(path)\n",
    "from an object": (
        "class Code:\n    def __init__(self, path): self.place = path\n"
        "    def text(self): return open(self.place).read()\ndef reads(path): return Code(path).text()\n"
    ),
    "as a source": "import inspect\ndef reads(path):\n    return inspect.getsource(load(path))\n",
    "by its name": "def reads(_):\n    return open('train.py').read()\n",
}
_CHECKS = """
import importlib.util

def load(path):
    spec = importlib.util.spec_from_file_location("target", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

def evaluate(path):
    if "shortcut" in reads(path):
        return {"score": 0.0}
    return {"score": float(load(path).answer([1, 2]))}
"""
_CHECKED = {"checks__py": "def text(path):\n    return open(path).read()\n"}
_CHEAT = "shortcut = 99\ndef answer(numbers):\n    return shortcut\n"


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize("reads", _READS.values(), ids=_READS)
async def test_a_check_of_the_targets_text_holds_because_the_level_falls(
    connect: Any, make_project: MakeProject, reads: str
) -> None:
    project = project_of(make_project, evaluator__py=reads + _CHECKS, **_CHECKED)
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
        cheat = await agent("run_trial", description="cheat", content=_CHEAT)
        program = (await agent("read_program"))["text"]
    (lowered,) = [record.data for record in records(project) if record.kind == "lowered"]
    assert (baseline["metrics"], cheat["metrics"]) == ({"score": 3.0}, {"score": 0.0})
    assert "reads the target's text, and a stand-in would show it another" in lowered["reason"]
    assert "Integrity: self-reported" in program


async def test_who_insists_on_a_stand_in_gets_one_although_the_text_is_read(
    connect: Any, make_project: MakeProject
) -> None:
    program = _PROGRAM.replace("timeout: 30s", "timeout: 30s, integrity: proxied")
    project = project_of(make_project, program, evaluator__py=_READS["at once"] + _CHECKS)
    async with connect(project) as agent:
        cheat = await agent("run_trial", description="cheat", content=_CHEAT)
    assert cheat["metrics"] == {"score": 99.0}
    assert not [record for record in records(project) if record.kind == "lowered"]


@pytest.mark.promise("confined trial")
async def test_with_private_data_an_evaluator_that_reads_the_text_is_refused(
    connect: Any, make_project: MakeProject
) -> None:
    program = _PROGRAM.rstrip().removesuffix("---") + "sandbox: {private: [labels/]}\n---\n"
    files = {"evaluator__py": _READS["at once"] + _CHECKS, "labels/truth__txt": "42"}
    async with connect(project_of(make_project, program, **files)) as agent:
        refusal = await agent.refused("run_eval", description="baseline")
    assert "evaluate.function: evaluator.py line 2 reads the target's text" in refusal
    assert "sandbox.private could not be held" in refusal


_RUNS = {
    "executed at once": "def load(path, names):\n    exec(compile(open(path).read(), path, 'exec'), names)\n",
    "executed later": (
        "def load(path, names):\n    with open(path) as file:\n        code = file.read()\n"
        "    exec(compile(code, path, 'exec'), names)\n"
    ),
    "data beside it": (
        "import os, runpy\ndef load(path, names):\n    open(os.path.join(os.path.dirname(path), 'run.sh')).read()\n"
        "    names |= runpy.run_path(path)\n"
    ),
}


@pytest.mark.parametrize("runs", _RUNS.values(), ids=_RUNS)
async def test_an_evaluator_that_only_executes_the_text_keeps_its_level(
    connect: Any, make_project: MakeProject, runs: str
) -> None:
    evaluate = (
        "def evaluate(path):\n    names = {}\n    load(path, names)\n    return {'score': names['answer']([1, 2])}\n"
    )
    project = project_of(make_project, evaluator__py=runs + evaluate)
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
    assert baseline["metrics"] == {"score": 3.0}
    assert not [record for record in records(project) if record.kind == "lowered"]
