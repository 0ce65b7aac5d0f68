"""Counts pairs of numbers with a given sum."""

from typing import Any


def solve(problem: dict[str, Any]) -> int:
    """Return how many pairs of different places in `numbers` add up to `sum`."""
    numbers, wanted = problem["numbers"], problem["sum"]
    return sum(
        1
        for one in range(len(numbers))
        for other in range(one + 1, len(numbers))
        if numbers[one] + numbers[other] == wanted
    )
