"""Sorts with few comparisons."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def sort(items: list[T], less: Callable[[T, T], bool]) -> list[T]:
    """Return the items in order; every call of `less` is counted."""
    done: list[T] = []
    for item in items:
        low, high = 0, len(done)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if less(done[middle], item) else (low, middle)
        done.insert(low, item)
    return done
