"""Scores how far nine points in the unit square keep from each other."""

import importlib.util
import math
import sys
import traceback
from dataclasses import dataclass, field
from itertools import combinations
from types import ModuleType

POINTS = 9
WANTED = 0.75


@dataclass
class EvaluationResult:
    """Numbers, and texts for whoever wants to know more."""

    metrics: dict[str, float]
    artifacts: dict[str, str] = field(default_factory=dict[str, str])


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("candidate", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["candidate"] = module
    spec.loader.exec_module(module)
    return module


def evaluate(program_path: str) -> EvaluationResult:
    try:
        points = [(float(x), float(y)) for x, y in load(program_path).place_points()]
    except Exception as error:
        artifacts = {"error": str(error), "traceback": traceback.format_exc()}
        return EvaluationResult({"combined_score": 0.0}, artifacts)
    if len(points) != POINTS or not all(0 <= value <= 1 for point in points for value in point):
        return EvaluationResult({"combined_score": 0.0}, {"error": f"expected {POINTS} points in the unit square"})
    nearest, pair = min((math.dist(*pair), pair) for pair in combinations(points, 2))
    metrics = {"nearest": nearest, "combined_score": nearest / WANTED}
    return EvaluationResult(metrics, {"closest_pair": repr(pair)})
