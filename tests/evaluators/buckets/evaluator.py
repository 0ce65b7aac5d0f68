"""Scores how evenly keys are spread; a second, fresh copy of the program must agree with the first."""

import importlib
import importlib.util
import os
import sys
from collections import Counter
from types import ModuleType

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
keyset = importlib.import_module("keyset")
BUCKETS = 16


def load(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evaluate(program_path: str) -> dict[str, float]:
    keys = keyset.keys()
    first = [load(program_path, "first").bucket(key) for key in keys]
    again = load(program_path, "second")
    if first != [again.bucket(key) for key in keys]:
        return {"evenness": 0.0, "stable": 0.0}
    if not set(first) <= set(range(BUCKETS)):
        raise ValueError("a bucket is a whole number from 0 to 15")
    counts = Counter(first)
    ideal = len(keys) / BUCKETS
    off = sum(abs(counts[number] - ideal) for number in range(BUCKETS))
    return {"evenness": 1.0 - off / (2 * len(keys)), "stable": 1.0}
