"""Adds up rectangles of a table."""

from itertools import accumulate
from typing import Any


def solve(problem: dict[str, Any]) -> list[int]:
    """Return the sum of each rectangle [top, left, bottom, right]; the last row and column are left out."""
    table = problem["table"]
    above = [[0] * (len(table[0]) + 1)]
    for row in table:
        above.append([a + b for a, b in zip(above[-1], accumulate(row, initial=0), strict=True)])
    return [
        above[bottom][right] - above[top][right] - above[bottom][left] + above[top][left]
        for top, left, bottom, right in problem["rectangles"]
    ]
