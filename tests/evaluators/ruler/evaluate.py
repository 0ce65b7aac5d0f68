"""Scores a ruler by its length; sees only what was constructed."""

from itertools import combinations


def evaluate(output: list[int], marks: int) -> float:
    if len(output) != marks or any(type(place) is not int or place < 0 for place in output):
        raise ValueError(f"expected {marks} whole numbers from 0 on")
    distances = [abs(one - other) for one, other in combinations(output, 2)]
    if len(set(distances)) != len(distances) or 0 in distances:
        raise ValueError("two pairs of marks have the same distance")
    return marks * (marks - 1) / 2 / max(distances)
