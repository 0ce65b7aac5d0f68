"""Adds up rectangles of a table."""

from typing import Any


def solve(problem: dict[str, Any]) -> list[int]:
    """Return the sum of each rectangle [top, left, bottom, right]; the last row and column are left out."""
    table = problem["table"]
    return [
        sum(table[row][column] for row in range(top, bottom) for column in range(left, right))
        for top, left, bottom, right in problem["rectangles"]
    ]
