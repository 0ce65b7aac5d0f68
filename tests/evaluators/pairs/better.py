"""Counts pairs of numbers with a given sum."""

from collections import Counter
from typing import Any


def solve(problem: dict[str, Any]) -> int:
    """Return how many pairs of different places in `numbers` add up to `sum`."""
    seen, found = Counter[int](), 0
    for number in problem["numbers"]:
        found += seen[problem["sum"] - number]
        seen[number] += 1
    return found
