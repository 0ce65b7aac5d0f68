"""Fills bags with the program's choice; leaves metrics.json and correct.json in the results folder."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

BAGS = 3
HELD_BACK = 100


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("program", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bag(seed: int) -> tuple[list[tuple[int, int]], int]:
    items = [(3 + (seed + 7 * index) % 17, 5 + (3 * seed + 13 * index) % 29) for index in range(24)]
    return items, 60 + seed % 5


def fill(program: ModuleType, seed: int) -> int:
    items, room = bag(seed)
    chosen: list[int] = program.choose(list(items), room)
    if len(set(chosen)) != len(chosen) or not set(chosen) <= set(range(len(items))):
        raise ValueError(f"bag {seed}: expected different indices of items")
    if sum(items[index][0] for index in chosen) > room:
        raise ValueError(f"bag {seed}: too heavy")
    return sum(items[index][1] for index in chosen)


def main(program_path: str, results_dir: str) -> None:
    results = Path(results_dir)
    results.mkdir(parents=True, exist_ok=True)
    metrics: dict[str, object] = {"combined_score": 0.0}
    correct: dict[str, object] = {"correct": True, "error": None}
    try:
        program = load(program_path)
        values = [fill(program, seed) for seed in range(BAGS)]
        metrics = {
            "combined_score": sum(values) / BAGS,
            "public": {f"bag_{seed}": value for seed, value in enumerate(values)},
            "private": {"held_back": fill(program, HELD_BACK)},
            "text_feedback": f"the poorest bag is number {values.index(min(values))}",
        }
    except Exception as error:
        correct = {"correct": False, "error": str(error)}
    (results / "metrics.json").write_text(json.dumps(metrics, indent=4), encoding="utf-8")
    (results / "correct.json").write_text(json.dumps(correct, indent=4), encoding="utf-8")
    print(f"evaluated {program_path}: {'correct' if correct['correct'] else 'incorrect'}", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program_path", default="initial.py")
    parser.add_argument("--results_dir", default="results")
    given = parser.parse_args()
    main(given.program_path, given.results_dir)
