"""Places nine points in the unit square."""


def place_points() -> list[tuple[float, float]]:
    """Return the points; the smallest distance between two of them counts."""
    return [(column / 2, row / 2) for row in range(3) for column in range(3)]
