"""A guess at a curve that is known only by its score."""

import math


def predict(x: float) -> float:
    """Return the height of the curve at x, for x from 0 to 6."""
    return math.exp(-x / 3.0) * math.cos(2.0 * x)
