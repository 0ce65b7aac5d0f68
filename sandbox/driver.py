"""Calls an evaluator in one of its forms, as a program, and reports the numbers that it returns.

Nothing imports it on the host: its text runs in the evaluator's world, or beside the target where nothing separates
the two. It reports by writing JSON to the file named by `$REFEREE_METRICS`; see `documents` for what is read of it.
Forms: a function that is given the target's path and returns metrics (as OpenEvolve's evaluators do), a function of
the target called with fixed parameters and its output checked, and a timed problem (as AlgoTune's tasks are).
"""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import json
import os
import statistics
import sys
import time
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

_DEEPEST = 8
_SIZE, _SEEDS = 100, 5
_ARRAY_LIBRARIES = {"numpy", "torch", "jax", "jaxlib", "tensorflow"}
_clock = time.perf_counter


def refuse(sentence: str) -> NoReturn:
    """End with a sentence for people."""
    raise SystemExit(f"referee: {sentence}")


def load(path: str) -> types.ModuleType:
    """Load a Python file as a module under its own name, with its folder on the import path."""
    folder, file = os.path.split(os.path.abspath(path))
    name = file.rpartition(".")[0] if file.endswith(".py") else file
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if name in sys.modules:
        name = f"referee_{name}"
    spec = importlib.util.spec_from_file_location(name, os.path.join(folder, file))
    if spec is None or spec.loader is None or not os.path.isfile(path):
        refuse(f"{path} is no Python file that can be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def function_of(module: types.ModuleType, path: str, name: str) -> Callable[..., Any]:
    """Return a function of a module, or end with what is there instead."""
    found: Any = getattr(module, name, None)
    if callable(found):
        chosen: Callable[..., Any] = found
        return chosen
    stages = sorted(each for each in vars(module) if each.startswith(f"{name}_stage"))
    if stages:
        refuse(f"{path} has no function {name}, but {', '.join(stages)}: name the one that is to judge")
    there = sorted(each for each, value in vars(module).items() if isinstance(value, types.FunctionType))
    refuse(f"{path} has no function {name}; it has: {', '.join(there[:10]) or 'none'}")


def settled(result: Any) -> Any:
    """Wait for a coroutine; anything else is returned as it is."""
    coroutine = asyncio.iscoroutine(result)
    return asyncio.run(result) if coroutine else result


def number(value: Any) -> int | float | None:
    """Return a value as a plain number, scalars of array libraries included; None where it is none, or a boolean."""
    if type(value).__module__.partition(".")[0] in _ARRAY_LIBRARIES and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int.__index__(value) if isinstance(value, int) else float.__float__(value)


def mapping(value: Any) -> dict[Any, Any] | None:
    """Return a value if it is a dict."""
    same: Any = value
    return same if isinstance(value, dict) else None


def numbers(document: dict[Any, Any], depth: int = 0) -> dict[str, Any]:
    """Keep of a document what is a number, or a document with numbers; `private` and lists are left out."""
    kept: dict[str, Any] = {}
    for key, value in document.items():
        inner = mapping(value)
        if inner is not None and key != "private" and depth < _DEEPEST:
            kept[str(key)] = numbers(inner, depth + 1)
        elif (plain := number(value)) is not None:
            kept[str(key)] = plain
    return kept


def report(document: dict[Any, Any]) -> None:
    """Write the metrics; nothing is written before."""
    with open(os.environ["REFEREE_METRICS"], "w", encoding="utf-8") as file:
        json.dump(numbers(document), file)


def run_function(form: dict[str, Any]) -> dict[Any, Any]:
    """Form `function`: the evaluator is called with the target's absolute path."""
    result = settled(function_of(load(form["file"]), form["file"], form["name"])(form["target"]))
    found = mapping(result)
    metrics = mapping(getattr(result, "metrics", None)) if found is None else found
    if metrics is None:
        refuse(
            f"{form['file']}:{form['name']} returned {type(result).__name__}; "
            "expected a dict of numbers, or an object with such a dict as .metrics"
        )
    return metrics


def run_call(form: dict[str, Any]) -> dict[Any, Any]:
    """Form `call`: a function of the target is called with fixed parameters, and its output is checked."""
    check = function_of(load(form["check_file"]), form["check_file"], form["check_name"])
    args = form["args"]
    output = settled(function_of(load(form["target"]), form["target"], form["name"])(**copy.deepcopy(args)))
    result = settled(check(output, **args))
    found = mapping(result)
    if found is not None:
        return found
    if isinstance(result, bool) or type(result).__name__ in {"bool_", "bool"}:
        return {"score": int(bool(result))}
    if number(result) is None:
        refuse(
            f"{form['check_file']}:{form['check_name']} returned {type(result).__name__}; expected a number or a dict"
        )
    return {"score": result}


def run_problem(form: dict[str, Any]) -> dict[Any, Any]:
    """Form `problem`: generated problems are solved by the target, timed from here, and the solutions checked."""
    module, path = load(form["file"]), form["file"]
    generate, valid = function_of(module, path, "generate_problem"), function_of(module, path, "is_solution")
    problems = [generate(size, seed) for size in sizes(module, form) for seed in seeds()]
    clock = _clock
    solve = solver(load(form["target"]), form["target"])
    taken: list[float] = []
    solved = 0
    for problem in problems:
        given = copy.deepcopy(problem)
        begun = clock()
        try:
            solution = solve(given)
            taken.append(clock() - begun)
            solved += is_valid(valid(problem, solution))
        except Exception:  # noqa: BLE001 - whatever goes wrong with a solution, it is none
            taken.append(clock() - begun)
            traceback.print_exc()
    return {"seconds": statistics.median(taken), "solved": solved / len(problems)}


def solver(module: types.ModuleType, path: str) -> Callable[..., Any]:
    """Return the target's function `solve`, or the method of its class `Solver`."""
    kind = getattr(module, "Solver", None)
    if not hasattr(module, "solve") and isinstance(kind, type):
        found: Callable[..., Any] = kind().solve
        return found
    return function_of(module, path, "solve")


def sizes(module: types.ModuleType, form: dict[str, Any]) -> list[Any]:
    """Return the sizes to generate: of the form, else `SIZES` or `n` of the problem's file, else 100."""
    if form.get("n") is not None:
        return [form["n"]]
    return list(getattr(module, "SIZES", None) or [getattr(module, "n", getattr(module, "N", _SIZE))])


def seeds() -> list[int]:
    """Return the seeds of one run: a target that knew them could bring its answers along."""
    return [int.from_bytes(os.urandom(4), "big") for _ in range(_SEEDS)]


def is_valid(verdict: Any) -> bool:
    """Whether a checker said yes; only a boolean says so."""
    if not isinstance(verdict, bool) and type(verdict).__name__ not in {"bool_", "bool"}:
        raise TypeError(f"is_solution returned {type(verdict).__name__}; expected True or False")
    return bool(verdict)


_FORMS: dict[str, Callable[[dict[str, Any]], dict[Any, Any]]] = {
    "function": run_function,
    "call": run_call,
    "problem": run_problem,
}


def main(form: dict[str, Any]) -> NoReturn:
    """Carry out one form and end the process, whatever threads the evaluator has left."""
    sys.path[:] = [*(entry for entry in sys.path if entry), os.getcwd()]
    form["target"] = os.path.abspath(form["target"])
    sys.argv = [form.get("file") or form["check_file"]]
    report(_FORMS[form["form"]](form))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
