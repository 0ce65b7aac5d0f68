"""The task: how many pairs of numbers have a given sum?"""

import random
from collections import Counter
from typing import Any


def generate_problem(n: int, seed: int) -> dict[str, Any]:
    source = random.Random(seed)
    numbers = [source.randrange(200) for _ in range(600 + min(n, 200))]
    return {"numbers": numbers, "sum": source.randrange(100, 300)}


def is_solution(problem: dict[str, Any], solution: object) -> bool:
    counts: Counter[int] = Counter(problem["numbers"])
    wanted: int = problem["sum"]
    twice = sum(count * (counts[wanted - number] - (2 * number == wanted)) for number, count in counts.items())
    return type(solution) is int and 2 * solution == twice
