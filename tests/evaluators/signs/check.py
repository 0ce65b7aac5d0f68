"""Scores a matrix by its determinant, computed exactly."""

import math
from fractions import Fraction


def without(pivot: list[Fraction], row: list[Fraction]) -> list[Fraction]:
    return [b - a * row[0] / pivot[0] for a, b in zip(pivot[1:], row[1:], strict=True)]


def determinant(rows: list[list[int]]) -> Fraction:
    left = [[Fraction(value) for value in row] for row in rows]
    product = Fraction(1)
    while left:
        pivot = next((row for row in left if row[0]), None)
        if pivot is None:
            return Fraction(0)
        product *= pivot[0] * (-1) ** left.index(pivot)
        left.remove(pivot)
        left = [without(pivot, row) for row in left]
    return product


def evaluate(output: list[list[int]], size: int, start: int) -> dict[str, float]:
    if [len(row) for row in output] != [size] * size or any(value not in {-1, 1} for row in output for value in row):
        raise ValueError(f"expected {size} rows of {size} numbers, each 1 or -1")
    if output[0][0] != start:
        raise ValueError(f"the first number must be {start}")
    found = abs(determinant(output))
    return {"share_of_bound": float(found) / math.sqrt(size**size), "determinant": float(found)}
