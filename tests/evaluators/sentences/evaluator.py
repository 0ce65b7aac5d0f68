"""Runs the target as a program and compares the sentences that it prints with those of a corpus."""

import subprocess
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus.txt"


def evaluate(program_path: str) -> dict[str, float]:
    wanted = CORPUS.read_text(encoding="utf-8").splitlines()
    done = subprocess.run(
        [sys.executable, program_path],
        input=" ".join(wanted),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    if done.returncode != 0:
        return {"combined_score": 0.0, "ran": 0.0}
    found = done.stdout.splitlines()
    right = len(set(wanted) & set(found))
    precision, recall = right / max(1, len(found)), right / len(wanted)
    score = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"ran": 1.0, "precision": precision, "recall": recall, "combined_score": score}
