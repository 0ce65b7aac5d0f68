"""Plans a round trip."""


def plan(places: list[tuple[int, int]]) -> list[int]:
    """Return the indices of the places in the order of the visits; the trip ends where it began."""
    return list(range(len(places)))
