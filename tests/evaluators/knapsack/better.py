"""Chooses what goes into a bag."""


def choose(items: list[tuple[int, int]], room: int) -> list[int]:
    """Return indices of items (weight, value) whose weights together are at most `room`."""
    best: list[tuple[int, list[int]]] = [(0, [])] * (room + 1)
    for index, (weight, value) in enumerate(items):
        for space in range(room, weight - 1, -1):
            worth, chosen = best[space - weight]
            if worth + value > best[space][0]:
                best[space] = (worth + value, [*chosen, index])
    return best[room][1]
