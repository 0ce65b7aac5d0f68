"""Trains a model of characters and prints how many bits a character costs."""

import importlib
import time
from collections import Counter
from itertools import pairwise

prepare = importlib.import_module("prepare")
began = time.perf_counter()

# A character depends on the one before it.
counts = Counter(pairwise(prepare.TRAIN))
firsts: Counter[str] = Counter(prepare.TRAIN[:-1])


def probability(before: str, char: str) -> float:
    """Return how likely `char` is after the text before it."""
    return (counts[before[-1], char] + 0.01) / (firsts[before[-1]] + 0.01 * len(firsts))


val_bpb = prepare.bits_per_byte(probability)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {time.perf_counter() - began:.1f}")
print(f"num_params:       {len(counts)}")
