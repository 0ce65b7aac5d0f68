"""Learns to see lesions and writes how likely each unlabelled case has one. This is the file to edit.

Leaves `out/predictions.csv`: a line `case,probability`, then one line for each case of `images/unlabelled.txt`.
"""

import csv
import math
from pathlib import Path

from cases import SIDE, Image, images, training_labels

STEPS = 300
RATE = 0.5
PATCH = 5


def features(image: Image) -> list[float]:
    """Return numbers that say something about an image: the brightest patch above the mean, and the spread."""
    pixels = [pixel for row in image for pixel in row]
    mean = sum(pixels) / len(pixels)
    spread = math.sqrt(sum((pixel - mean) ** 2 for pixel in pixels) / len(pixels))
    places = [(row, column) for row in range(SIDE - PATCH + 1) for column in range(SIDE - PATCH + 1)]
    patch = max(sum(sum(image[row + down][column : column + PATCH]) for down in range(PATCH)) for row, column in places)
    return [patch / PATCH**2 - mean, spread]


def standardised(rows: list[list[float]], like: list[list[float]]) -> list[list[float]]:
    """Return rows with a leading 1 and each feature in standard deviations from its mean in `like`."""
    columns = list(zip(*like, strict=True))
    means = [sum(column) / len(column) for column in columns]
    scales = [
        math.sqrt(sum((value - mean) ** 2 for value in column) / len(column)) or 1.0
        for column, mean in zip(columns, means, strict=True)
    ]
    return [[1.0, *((v - m) / s for v, m, s in zip(row, means, scales, strict=True))] for row in rows]


def probability(weights: list[float], row: list[float]) -> float:
    """Return the model's answer for one case, between 0 and 1."""
    return 1 / (1 + math.exp(-sum(weight * value for weight, value in zip(weights, row, strict=True))))


def fit(rows: list[list[float]], truth: list[int]) -> list[float]:
    """Return the weights of a logistic regression after some steps of gradient descent."""
    weights = [0.0] * len(rows[0])
    for _ in range(STEPS):
        errors = [label - probability(weights, row) for row, label in zip(rows, truth, strict=True)]
        slopes = [sum(e * row[i] for e, row in zip(errors, rows, strict=True)) for i in range(len(weights))]
        weights = [weight + RATE * slope / len(rows) for weight, slope in zip(weights, slopes, strict=True)]
    return weights


def main() -> None:
    known = {case: features(image) for case, image in images("train").items()}
    asked = {case: features(image) for case, image in images("unlabelled").items()}
    labels, like = training_labels(), list(known.values())
    weights = fit(standardised(like, like), [labels[case] for case in known])
    Path("out").mkdir(exist_ok=True)
    with Path("out/predictions.csv").open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "probability"])
        for case, row in zip(asked, standardised(list(asked.values()), like), strict=True):
            writer.writerow([case, f"{probability(weights, row):.6f}"])


if __name__ == "__main__":
    main()
