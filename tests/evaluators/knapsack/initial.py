"""Chooses what goes into a bag."""


def choose(items: list[tuple[int, int]], room: int) -> list[int]:
    """Return indices of items (weight, value) whose weights together are at most `room`."""
    chosen: list[int] = []
    for index, (weight, _value) in enumerate(items):
        if weight <= room:
            chosen.append(index)
            room -= weight
    return chosen
