"""Makes a square matrix of 1 and -1 with a large determinant."""


def construct(size: int, start: int) -> list[list[int]]:
    """Return the rows; the first number must be `start`."""
    return [[start * (-1) ** (row & column).bit_count() for column in range(size)] for row in range(size)]
