"""Scores how well `predict` follows a damped wave."""

import importlib.util
import math
from types import ModuleType

STEPS = 120


def truth(x: float) -> float:
    return math.exp(-0.3 * x) * math.cos(2.0 * x) + 0.05 * x


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("program", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evaluate(program_path: str) -> dict[str, float]:
    program = load(program_path)
    grid = [6.0 * step / STEPS for step in range(STEPS + 1)]
    errors = [abs(program.predict(x) - truth(x)) for x in grid]
    rmse = math.sqrt(math.fsum(error * error for error in errors) / len(errors))
    return {"rmse": rmse, "worst": max(errors), "combined_score": 1.0 / (1.0 + rmse)}
