"""Checks of the contract that concern several values at once; each raises KeyedError, and nothing here reads a file."""

from collections.abc import Mapping
from itertools import combinations, product

from .shorthand import holds


class KeyedError(ValueError):
    """A fault of one key below the place where it was noticed."""

    def __init__(self, key: str, text: str) -> None:
        """Take the key, relative to that place, and the text."""
        super().__init__(text)
        self.key = key


def ordered(key: str, limits: tuple[float | None, float | None] | None) -> None:
    """Refuse a lowest value above the highest."""
    low, high = limits or (None, None)
    if low is not None and high is not None and low > high:
        raise KeyedError(key, f"the lowest value {low!r} is above the highest {high!r}")


def match_weights(weights: Mapping[str, float], names: tuple[str, ...]) -> None:
    """Refuse weights that are not one for each of these metrics."""
    for name in names:
        if name not in weights:
            raise KeyedError("weights", f"rule weighted needs a weight for {name!r}")
    for name in weights:
        if name not in names:
            raise KeyedError(f"weights.{name}", f"no metric of that name; expected one of: {', '.join(names)}")


def apart(caches: tuple[str, ...], inputs: tuple[str, ...], target: str | None) -> None:
    """Refuse caches that overlap with each other, with an input or with the target, as far as spelling tells."""
    for one, other in combinations(caches, 2):
        if overlap(one, other):
            raise KeyedError("cache", f"{one!r} and {other!r} overlap: name the outer folder alone")
    for cache in caches:
        if target is not None and overlap(cache, target):
            raise KeyedError("cache", f"a cache may not hold the target {target!r}, nor lie below it")
        for path in inputs:
            if overlap(cache, path):
                raise KeyedError("cache", f"{cache!r} overlaps with the input {path!r}: a folder is one or the other")


def hidden(private: tuple[str, ...], seen: tuple[str, ...], *, trusted: bool) -> None:
    """Refuse private paths that the target's code would see, or that nobody would, as far as spelling tells."""
    if private and not trusted:
        raise KeyedError(
            "private", "no phase could see them without the target's code: add evaluate.score, or make the target data"
        )
    for path, other in product(private, seen):
        if overlap(path, other):
            raise KeyedError("private", f"{path!r} overlaps with {other!r}, which the target's code sees")


def overlap(one: str, other: str) -> bool:
    """Whether two paths are the same, or one lies below the other, by spelling."""
    return holds(one, other) or holds(other, one)
