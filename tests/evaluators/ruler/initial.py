"""Makes a ruler on which no two pairs of marks have the same distance."""


def construct(marks: int) -> list[int]:
    """Return the places of the marks, whole numbers from 0 on."""
    return [2**mark - 1 for mark in range(marks)]
