"""Trains a model of characters and prints how many bits a character costs."""

import importlib
import time
from collections import Counter

prepare = importlib.import_module("prepare")
began = time.perf_counter()

# A character is as likely as it is frequent.
counts: Counter[str] = Counter(prepare.TRAIN)
total = sum(counts.values())


def probability(_before: str, char: str) -> float:
    """Return how likely `char` is after the text before it."""
    return counts[char] / total


val_bpb = prepare.bits_per_byte(probability)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {time.perf_counter() - began:.1f}")
print(f"num_params:       {len(counts)}")
