"""Makes a square matrix of 1 and -1 with a large determinant."""


def construct(size: int, start: int) -> list[list[int]]:
    """Return the rows; the first number must be `start`."""
    rows = [[-1 if row == column else 1 for column in range(size)] for row in range(size)]
    return [[-start * value for value in row] for row in rows]
