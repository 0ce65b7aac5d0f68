"""Commands that call an evaluator in one of the forms that are no command: `function`, `call` and `problem`.

Each is a program of one process: it loads the person's files by path, reports to `$REFEREE_METRICS`, and ends with
another exit code than 0 where there is no number to report. Paths are relative to the working folder, or absolute.
"""

import json
from collections.abc import Mapping
from typing import Any

from . import texts


def function(python: str, evaluator: str, target: str) -> tuple[str, ...]:
    """Return the command for `evaluate.function`.

    Args:
        python: Interpreter, 3.8 or newer.
        evaluator: `file.py:name`; the function gets the target's absolute path and returns a dict of numbers, nested or
            not, an object with such a dict as `.metrics`, or a coroutine of either. Other leaves are left out.
        target: Path of the target.
    """
    file, name = _split(evaluator, "evaluate")
    return _command(python, {"form": "function", "file": file, "name": name, "target": target})


def call(python: str, function_name: str, args: Mapping[str, Any], check: str, target: str) -> tuple[str, ...]:
    """Return the command for `evaluate.call`.

    Args:
        python: Interpreter, 3.8 or newer.
        function_name: Function of the target: its name, or `target.py:name`.
        args: What it is called with by keyword; JSON.
        check: `file.py:name`; the function gets the output and the same keywords. A number or a boolean (1 or 0) that
            it returns is reported as `score`, a dict as it is.
        target: Path of the target.
    """
    file, name = _split(check, "evaluate")
    form = {"form": "call", "name": function_name.rpartition(":")[2], "args": dict(args)}
    return _command(python, {**form, "check_file": file, "check_name": name, "target": target})


def problem(python: str, file: str, target: str, n: int | None = None) -> tuple[str, ...]:
    """Return the command for `evaluate.problem`.

    It reports `seconds`, the median of one `solve(problem)` as seen from the evaluator's side, and `solved`, the share
    of valid solutions (1 where all are). Five problems of each size are made, with seeds that nobody knows before.

    Args:
        python: Interpreter, 3.8 or newer.
        file: Has `generate_problem(n, seed)` and `is_solution(problem, solution)`, which must return a boolean.
        target: Path of the target; has `solve(problem)`, or a class `Solver` with that method.
        n: Size; without it `SIZES` or `n` of the file, else 100.
    """
    return _command(python, {"form": "problem", "file": file, "n": n, "target": target})


def _split(name: str, default: str) -> tuple[str, str]:
    file, _, function_name = name.partition(":")
    return file, function_name or default


def _command(python: str, form: Mapping[str, Any]) -> tuple[str, ...]:
    start = f"{texts.bundle('driver')}import json\n__referee__.main(json.loads({json.dumps(form)!r}))\n"
    return (python, "-B", "-c", start)
