"""Frozen: reads the images and the labels of the training cases.

An image is a list of 24 rows of 24 whole numbers from 0 (dark) to 15 (bright).
"""

import base64
import csv
from pathlib import Path

SIDE = 24
IMAGES = Path(__file__).resolve().parent / "images"

Image = list[list[int]]


def images(name: str) -> dict[str, Image]:
    """Return the images of `images/<name>.txt` by case; a line holds a case and its pixels, two to a byte."""
    found: dict[str, Image] = {}
    for line in (IMAGES / f"{name}.txt").read_text(encoding="ascii").splitlines():
        case, _, text = line.partition(" ")
        pixels = [pixel for byte in base64.b64decode(text) for pixel in (byte >> 4, byte & 15)]
        found[case] = [pixels[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]
    return found


def training_labels() -> dict[str, int]:
    """Return 1 for a case with a lesion and 0 for one without."""
    with (IMAGES / "train.csv").open(encoding="ascii", newline="") as file:
        return {row["case"]: int(row["lesion"]) for row in csv.DictReader(file)}
