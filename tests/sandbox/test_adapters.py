"""Evaluators that are functions, checks or problems are called as their contracts say, and report only numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox import adapters, jail, standin, texts


def driven(folder: Path, argv: tuple[str, ...], files: dict[str, str], **env: str) -> tuple[Any, str]:
    """Lay files out, run a driver in their folder, and return what it reported and what it said."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    metrics = folder / "metrics.json"
    world = {"REFEREE_METRICS": str(metrics), "PATH": os.defpath, **env}
    done = subprocess.run(argv, cwd=folder, env=world, capture_output=True, text=True, check=False, timeout=60)
    assert metrics.exists() == (done.returncode == 0), done.stderr
    return json.loads(metrics.read_text(encoding="utf-8")) if metrics.exists() else None, done.stderr


_LOAD = (
    "import importlib.util\n"
    "def loaded(path):\n"
    "    spec = importlib.util.spec_from_file_location('program', path)\n"
    "    module = importlib.util.module_from_spec(spec)\n"
    "    spec.loader.exec_module(module)\n"
    "    return module\n"
)
_TARGET = "VALUE = 3\ndef solve(problem=2, scale=1): return [each * scale for each in problem]\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def evaluate(path): return {'score': loaded(path).VALUE / 2, 'label': 'x'}", {"score": 1.5}),
        ("def evaluate(path): return {'a': {'b': 1, 'c': {'d': 2.5}}, 'ok': True}", {"a": {"b": 1, "c": {"d": 2.5}}}),
        ("def evaluate(path): return {'public': {'x': 1}, 'private': {'y': 2}}", {"public": {"x": 1}}),
        ("async def evaluate(path): return {'score': 4}", {"score": 4}),
        (
            "class R:\n    metrics = {'score': 0.25}\n    artifacts = {'text': 'long'}\ndef evaluate(path): return R()",
            {"score": 0.25},
        ),
        (
            (
                "import numpy as np\ndef evaluate(path):\n"
                "    return {'s': np.float32(0.5), 'n': np.int64(3), 'b': np.bool_(True), 'v': np.zeros(2)}"
            ),
            {"s": 0.5, "n": 3},
        ),
        (
            "import helper, os\ndef evaluate(path):\n    return {'h': helper.H, 'abs': int(os.path.isabs(path))}",
            {"h": 9, "abs": 1},
        ),
    ],
)
def test_a_function_reports_the_numbers_that_it_returns(tmp_path: Path, body: str, expected: Any) -> None:
    files = {"eval/evaluator.py": _LOAD + body, "eval/helper.py": "H = 9\n", "target.py": _TARGET}
    argv = adapters.function(sys.executable, "eval/evaluator.py:evaluate", "target.py")
    assert driven(tmp_path, argv, files)[0] == expected


def test_a_thread_that_hangs_does_not_hold_up_the_report(tmp_path: Path) -> None:
    body = (
        "import threading\ndef evaluate(path):\n"
        "    threading.Thread(target=threading.Event().wait).start()\n    return {'s': 1}\n"
    )
    argv = adapters.function(sys.executable, "evaluator.py:evaluate", "target.py")
    assert driven(tmp_path, argv, {"evaluator.py": body, "target.py": _TARGET})[0] == {"s": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def evaluate_stage1(path): pass\ndef evaluate_stage2(path): pass", "but evaluate_stage1, evaluate_stage2"),
        ("def judge(path): pass", "has no function evaluate; it has: judge"),
        ("def evaluate(path): return 3", "returned int; expected a dict"),
        ("def evaluate(path): raise ValueError('broken')", "ValueError: broken"),
    ],
)
def test_a_function_that_gives_no_metrics_is_named(tmp_path: Path, body: str, said: str) -> None:
    argv = adapters.function(sys.executable, "evaluator.py:evaluate", "target.py")
    found, stderr = driven(tmp_path, argv, {"evaluator.py": body, "target.py": _TARGET})
    assert found is None
    assert said in stderr


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("def evaluate(output, problem, scale): return sum(output) / scale", {"score": 3.0}),
        ("def evaluate(output, **params): return {'n': len(output), 'ok': True}", {"n": 2}),
        ("def evaluate(output, **params): return output == [2, 4]", {"score": 1}),
        ("def evaluate(output, **params): return False", {"score": 0}),
        ("import numpy\ndef evaluate(output, **params): return numpy.array(output).max() > 5", {"score": 0}),
        ("async def evaluate(output, **params): return params['problem'][0]", {"score": 1}),
    ],
)
def test_a_call_is_checked_by_what_it_returned_alone(tmp_path: Path, check: str, expected: Any) -> None:
    args = {"problem": [1, 2], "scale": 2}
    argv = adapters.call(sys.executable, "target.py:solve", args, "check.py:evaluate", "target.py")
    assert driven(tmp_path, argv, {"check.py": check, "target.py": _TARGET})[0] == expected


@pytest.mark.promise("earned keep")
def test_a_call_cannot_change_what_its_output_is_checked_against(tmp_path: Path) -> None:
    target = "def solve(problem):\n    problem[:] = [0]\n    return 0\n"
    check = "def evaluate(output, problem): return sum(problem)"
    argv = adapters.call(sys.executable, "solve", {"problem": [1, 2]}, "check.py:evaluate", "target.py")
    assert driven(tmp_path, argv, {"check.py": check, "target.py": target})[0] == {"score": 3}


def test_a_check_that_returns_no_number_is_named(tmp_path: Path) -> None:
    argv = adapters.call(sys.executable, "solve", {"problem": []}, "check.py:evaluate", "target.py")
    files = {"check.py": "def evaluate(output, **params): return 'good'", "target.py": _TARGET}
    found, stderr = driven(tmp_path, argv, files)
    assert (found, "returned str; expected a number or a dict" in stderr) == (None, True)


_SORTING = (
    "import random\nSIZES = [3, 5]\n"
    "def generate_problem(n, seed): return random.Random(seed).sample(range(99), n)\n"
    "def is_solution(problem, solution): return solution == sorted(problem)\n"
)
_ROOTS = (
    "import math\nn = 4\n"
    "def generate_problem(n, seed): return [float(seed + i) for i in range(n)]\n"
    "def is_solution(problem, solution):\n"
    "    return len(solution) == len(problem) and all(abs(s * s - p) < 1e-6 for s, p in zip(solution, problem))\n"
)
_ARRAY = (
    "import numpy\n"
    "def generate_problem(n, seed): return numpy.random.default_rng(seed).random(n)\n"
    "def is_solution(problem, solution):\n"
    "    return numpy.shape(solution) == (100,) and numpy.allclose(solution, 2 * problem)\n"
)


@pytest.mark.parametrize(
    ("problem", "target", "solved"),
    [
        (_SORTING, "def solve(problem): return sorted(problem)", 1.0),
        (_SORTING, "def solve(problem): return sorted(problem) if len(problem) == 3 else []", 0.5),
        (_SORTING, "def solve(problem):\n    problem.clear()\n    return []", 0.0),
        (_SORTING, "class Solver:\n    def solve(self, problem): return sorted(problem)", 1.0),
        (_ROOTS, "def solve(problem): return [each ** 0.5 for each in problem]", 1.0),
        (_ROOTS, "def solve(problem): return [float('nan')] * len(problem)", 0.0),
        (_ROOTS, "def solve(problem): return None", 0.0),
        (_ROOTS, "def solve(problem): raise SystemError", 0.0),
        (_ARRAY, "def solve(problem): return 2 * problem", 1.0),
        (_ARRAY, "def solve(problem): return 2 * problem[:-1]", 0.0),
    ],
)
def test_a_problem_reports_time_and_share_of_valid_solutions(
    tmp_path: Path, problem: str, target: str, solved: float
) -> None:
    argv = adapters.problem(sys.executable, "problem.py", "target.py")
    found, stderr = driven(tmp_path, argv, {"problem.py": problem, "target.py": target}, REFEREE_SEED="7")
    assert found is not None, stderr
    assert (found["solved"], found["seconds"] >= 0, sorted(found)) == (solved, True, ["seconds", "solved"])


def test_no_two_runs_solve_the_same_problems(tmp_path: Path) -> None:
    problem = (
        "import os\n"
        "def generate_problem(n, seed): return seed\n"
        "def is_solution(problem, solution):\n"
        "    seen = open('seen').read().split() if os.path.exists('seen') else []\n"
        "    open('seen', 'w').write(' '.join([*seen, str(problem)]))\n"
        "    return str(problem) not in seen\n"
    )
    files = {"problem.py": problem, "target.py": "def solve(problem): return problem\n"}
    argv = adapters.problem(sys.executable, "problem.py", "target.py", n=1)
    found = [driven(tmp_path, argv, files, REFEREE_SEED="3")[0] for _ in range(2)]
    assert [each and each["solved"] for each in found] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (adapters.function(sys.executable, "f.py:evaluate", "target.py"), {"score": 3}),
        (adapters.call(sys.executable, "solve", {"problem": [1, 2]}, "c.py:evaluate", "target.py"), {"score": 2}),
        (adapters.problem(sys.executable, "p.py", "target.py"), {"solved": 1.0}),
    ],
    ids=["function", "call", "problem"],
)
def test_every_form_works_with_a_stand_in(tmp_path: Path, argv: tuple[str, ...], expected: dict[str, float]) -> None:
    link = tmp_path / "link"
    link.mkdir()
    os.mkfifo(link / "calls")
    (tmp_path / "jailed.py").write_text("VALUE = 3\ndef solve(problem): return sorted(problem)\n", encoding="utf-8")
    files = {
        "f.py": _LOAD + "def evaluate(path): return {'score': loaded(path).VALUE}",
        "c.py": "def evaluate(output, problem): return len(output)",
        "p.py": _SORTING,
        "target.py": standin.text("target.py", str(link)),
    }
    command = jail.argv(sys.executable, str(link), str(tmp_path / "jailed.py"))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as jailed:
        try:
            found, stderr = driven(tmp_path, argv, files)
        finally:
            jailed.kill()
    assert found is not None, stderr
    assert {name: found[name] for name in expected} == expected


def test_every_command_fits_into_one_argument() -> None:
    argv = adapters.call("python", "f", {"x": "y" * 1000}, "check.py", "target.py")
    assert all(len(word) < texts.LARGEST_ARGUMENT for word in argv)
