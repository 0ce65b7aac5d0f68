"""Plans a round trip."""

import math


def plan(places: list[tuple[int, int]]) -> list[int]:
    """Return the indices of the places in the order of the visits; the trip ends where it began."""
    order, left = [0], set(range(1, len(places)))
    while left:
        order.append(min(left, key=lambda index: (math.dist(places[order[-1]], places[index]), index)))
        left.remove(order[-1])
    return order
