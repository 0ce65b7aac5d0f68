"""Measures how much shorter texts get; a text that does not come back makes the result incorrect."""

import argparse
import importlib.util
import json
import os
from types import ModuleType
from typing import Any

WORDS = "the tide came in and the small boats rose along the grey harbour wall".split()


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("codec_program", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(seed: int) -> str:
    return " ".join(WORDS[(index * index + seed * index) % len(WORDS)] for index in range(400))


def ratio(program: ModuleType, seed: int) -> float:
    plain = text(seed)
    small = program.shrink(plain)
    if program.grow(small) != plain:
        raise ValueError(f"text {seed} did not come back")
    return len(plain) / len(small)


def save(folder: str, name: str, content: dict[str, Any]) -> None:
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(content, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program_path", required=True)
    parser.add_argument("--results_dir", required=True)
    given = parser.parse_args()
    try:
        program = load(given.program_path)
        ratios = [ratio(program, seed) for seed in (1, 2, 3)]
    except Exception as error:
        save(given.results_dir, "correct.json", {"correct": False, "error": f"{type(error).__name__}: {error}"})
        save(given.results_dir, "metrics.json", {"combined_score": 0.0, "public": {}, "private": {}})
        return
    public = {"worst_ratio": min(ratios), "best_ratio": max(ratios)}
    private = {"ratios": ratios, "unseen_ratio": ratio(program, 99)}
    score = {"combined_score": min(ratios), "public": public, "private": private, "text_feedback": ""}
    save(given.results_dir, "correct.json", {"correct": True, "error": None})
    save(given.results_dir, "metrics.json", score)


if __name__ == "__main__":
    main()
