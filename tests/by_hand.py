"""What a person gets who runs an imitated evaluator by hand: plain processes, and readers of our own for each form.

Nothing of Referee is used. Run as a script, it calls what people call from Python: a function, a construction and its
check, a problem with its solution.
"""

import asyncio
import importlib.util
import inspect
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ruamel.yaml import YAML

Numbers = dict[str, float]
_LINE = re.compile(r"^(?:METRIC )?(\w+)\s*[:=]\s*([0-9.]+)$", re.MULTILINE)


def front_matter(project: Path) -> dict[str, Any]:
    """The contract as it was written, without asking whether it is valid."""
    yaml: Any = YAML(typ="safe", pure=True)
    return cast("dict[str, Any]", yaml.load((project / "program.md").read_text(encoding="utf-8").split("---")[1]))


def target(project: Path) -> str:
    """The path of the target in the project."""
    found = front_matter(project)["target"]
    return str(found if isinstance(found, str) else found["path"])


def numbers(project: Path, adapter: str, results: Path) -> Numbers:
    """Run the evaluator of a project once and return every number that it gives.

    Args:
        project: Its folder; what the evaluator writes beside itself stays there.
        adapter: The letter of its contract, A to G.
        results: Folder for evaluators that leave files.
    """
    evaluate = front_matter(project)["evaluate"]
    path = str(project / target(project))
    if "command" in evaluate:
        words = [word.format(target=path, results=results) for word in evaluate["command"].replace('"', "").split()]
        return _read(adapter, _run(words, project), results)
    script = [sys.executable, "-B", __file__, json.dumps(evaluate), path]
    return cast("Numbers", json.loads(_run(script, project)))


def one_after_the_other(
    commands: Sequence[list[str]], folder: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run commands until one fails, and return the last that ran."""
    first, *rest = commands
    done = subprocess.run(first, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False)
    return one_after_the_other(rest, folder, environment) if rest and done.returncode == 0 else done


def _run(words: list[str], project: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    done = one_after_the_other([words], project, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _read(adapter: str, output: str, results: Path) -> Numbers:
    match adapter:
        case "B":
            assert json.loads((results / "correct.json").read_text(encoding="utf-8"))["correct"] is True
            found = json.loads((results / "metrics.json").read_text(encoding="utf-8"))
            return {"combined_score": found["combined_score"], **found["public"]}
        case "C":
            return dict(_flat(json.loads(output if output.startswith("{") else output.splitlines()[-1])))
        case "D":
            return {name: float(value) for name, value in _LINE.findall(output)}
        case "G":
            if (results / "reward.txt").exists():
                return {"reward": float((results / "reward.txt").read_text(encoding="utf-8"))}
            return dict(_flat(json.loads((results / "reward.json").read_text(encoding="utf-8"))))
        case _:
            raise ValueError(adapter)


def _flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        elif isinstance(value, (int, float)):
            yield prefix + name, float(value)


def _module(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(file).stem, os.path.abspath(file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _named(reference: str) -> Any:
    file, _, name = reference.partition(":")
    return getattr(_module(file), name)


def _function(reference: str, path: str) -> Numbers:
    found = _named(reference)(path)
    if inspect.iscoroutine(found):
        found = asyncio.run(found)
    return dict(_flat(getattr(found, "metrics", found)))


def _call(given: Mapping[str, Any]) -> Numbers:
    found = _named(given["check"])(_named(given["function"])(**given["args"]), **given["args"])
    return dict(_flat(cast("Numbers", found))) if isinstance(found, dict) else {"score": found}


def _problem(file: str, path: str) -> Numbers:
    task, program = _module(file), _module(path)
    seconds: list[float] = []
    solved: list[bool] = []
    for seed in range(5):
        problem = task.generate_problem(100, seed)
        began = time.perf_counter()
        solution = program.solve(problem)
        seconds.append(time.perf_counter() - began)
        solved.append(task.is_solution(problem, solution))
    return {"seconds": statistics.median(seconds), "solved": sum(solved) / len(solved)}


def _by_hand(evaluate: Mapping[str, Any], path: str) -> Numbers:
    match evaluate:
        case {"function": reference}:
            return _function(reference, path)
        case {"call": given}:
            return _call(given)
        case {"problem": file}:
            return _problem(file, path)
        case _:
            raise ValueError(evaluate)


if __name__ == "__main__":
    json.dump(_by_hand(json.loads(sys.argv[1]), sys.argv[2]), sys.stdout)
