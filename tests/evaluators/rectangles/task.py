"""The task: sums of many rectangles of one table."""

import random
from typing import Any

SIDE = 60


def generate_problem(n: int, seed: int) -> dict[str, Any]:
    source = random.Random(seed)
    table = [[source.randrange(10) for _ in range(SIDE)] for _ in range(SIDE)]
    rectangles: list[list[int]] = []
    for _ in range(800 + min(n, 200)):
        top, left = source.randrange(SIDE // 2), source.randrange(SIDE // 2)
        rectangles.append([top, left, top + source.randrange(1, 30), left + source.randrange(1, 30)])
    return {"table": table, "rectangles": rectangles}


def is_solution(problem: dict[str, Any], solution: object) -> bool:
    wanted: list[int] = []
    for top, left, bottom, right in problem["rectangles"]:
        wanted.append(sum(sum(row[left:right]) for row in problem["table"][top:bottom]))
    return solution == wanted
