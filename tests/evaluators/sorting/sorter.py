"""Sorts with few comparisons."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def sort(items: list[T], less: Callable[[T, T], bool]) -> list[T]:
    """Return the items in order; every call of `less` is counted."""
    done: list[T] = []
    for item in items:
        place = 0
        while place < len(done) and less(done[place], item):
            place += 1
        done.insert(place, item)
    return done
