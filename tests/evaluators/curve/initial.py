"""A guess at a curve that is known only by its score."""


def predict(x: float) -> float:
    """Return the height of the curve at x, for x from 0 to 6."""
    return 1.0 - x / 3.0
