"""Makes the images and labels of this example: synthetic, the same bytes on every machine. Run it in this folder.

It lies in the hidden folder because it holds every answer: who can run it knows the labels. Only sums, products and
divisions are used, so that no library of mathematics can change a pixel.
"""

import base64
import csv
import random
from pathlib import Path

SEED = 20261121
SIDE = 24
LEVELS = 16
CASES = {"train": 200, "validation": 200, "test": 200}
PREVALENCE = 0.4
ROOT = Path(__file__).resolve().parents[1]

Image = list[list[float]]
Case = tuple[str, bool, Image]


def noise(source: random.Random) -> float:
    """Return nearly normal noise of standard deviation 1."""
    return sum(source.random() for _ in range(12)) - 6.0


def background(source: random.Random) -> Image:
    """Return tissue: a brightness, a slope in each direction, a bulge, and noise."""
    level, right, down, bulge = (part * noise(source) for part in (1.0, 0.8, 0.8, 0.8))
    image: Image = []
    for row in range(SIDE):
        y = 2 * row / (SIDE - 1) - 1
        xs = [2 * column / (SIDE - 1) - 1 for column in range(SIDE)]
        image.append([5.0 + level + right * x + down * y + bulge * x * y + 1.3 * noise(source) for x in xs])
    return image


def add_vessel(image: Image, source: random.Random) -> None:
    """Add a bright line across the image, which is no finding."""
    start, end, strength = source.random() * SIDE, source.random() * SIDE, 1.5 + 2.0 * source.random()
    for row in range(SIDE):
        middle = start + (end - start) * row / (SIDE - 1)
        for column in range(SIDE):
            image[row][column] += strength / (1 + (column - middle) * (column - middle)) ** 2


def add_lesion(image: Image, source: random.Random) -> None:
    """Add a round, faint brightness: the finding."""
    x, y = 4 + (SIDE - 9) * source.random(), 4 + (SIDE - 9) * source.random()
    radius, strength = 2.0 + 2.0 * source.random(), 1.8 + 2.2 * source.random()
    for row in range(SIDE):
        for column in range(SIDE):
            distance = ((column - x) ** 2 + (row - y) ** 2) / (radius * radius)
            image[row][column] += strength / (1 + distance) ** 2


def make_case(name: str, source: random.Random) -> Case:
    """Return a case: its name, whether there is a lesion, and its image."""
    image = background(source)
    if source.random() < 0.5:
        add_vessel(image, source)
    diseased = source.random() < PREVALENCE
    if diseased:
        add_lesion(image, source)
    return name, diseased, image


def packed(image: Image) -> str:
    """Return an image as base64, two pixels to a byte, row by row."""
    pixels = [min(LEVELS - 1, max(0, int(value))) for row in image for value in row]
    pairs = zip(pixels[::2], pixels[1::2], strict=True)
    return base64.b64encode(bytes(16 * first + second for first, second in pairs)).decode("ascii")


def write_images(path: Path, cases: list[Case]) -> None:
    """Write one line for each case, in the order of the names."""
    lines = [f"{name} {packed(image)}\n" for name, _, image in sorted(cases)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="ascii")


def write_labels(path: Path, cases: list[Case]) -> None:
    """Write `case,lesion`, in the order of the names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["case", "lesion"])
        writer.writerows([name, int(diseased)] for name, diseased, _ in sorted(cases))


def main(root: Path = ROOT) -> None:
    """Write everything below `root`; the names do not tell which split a case belongs to."""
    source = random.Random(SEED)
    names = [f"c{number:04d}" for number in range(sum(CASES.values()))]
    mixed = [names.pop(int(source.random() * len(names))) for _ in range(len(names))]
    made = {split: [make_case(mixed.pop(), source) for _ in range(count)] for split, count in CASES.items()}
    write_images(root / "images" / "train.txt", made["train"])
    write_images(root / "images" / "unlabelled.txt", made["validation"] + made["test"])
    write_labels(root / "images" / "train.csv", made["train"])
    write_labels(root / "labels" / "validation.csv", made["validation"])
    write_labels(root / "test" / "labels.csv", made["test"])


if __name__ == "__main__":
    main()
