"""What pinned inputs cost: hashed for the first time, at a second opening, and at each look before and after a trial.

Makes N files of M bytes, twenty to a folder. Each figure is the median of the rounds, and beside it stands its ratio
to `os.walk` with an `lstat` of every file, taken in turn with it.

    python benchmarks/inputs.py [--files 5000] [--bytes 4000] [--rounds 5]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from referee.session.pins import Pins
from referee.session.trees import SLACK

PER_FOLDER = 20


def make(folder: Path, files: int, size: int) -> None:
    """Write the files, old enough for their identities to be settled."""
    for number in range(files):
        place = folder / f"{number // PER_FOLDER // 50}" / f"{number // PER_FOLDER}" / f"module{number}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(number.to_bytes(8, "big") + b"x" * max(0, size - 8))
    time.sleep(1.1 * SLACK / 1000**3)


def walk(folder: Path) -> None:
    """The simplest look: every file by its path."""
    for place, _, names in os.walk(folder):
        for name in names:
            os.lstat(os.path.join(place, name))


def seconds(act: Callable[[], object]) -> float:
    """Wall clock of one call."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def measure(folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds by name, each with the seconds of the walk beside it."""
    taken: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        pins = Pins((str(folder),))
        for name, act in {
            "first hashing": lambda pins=pins: pins.take(fully=True),
            "second opening": lambda: Pins((str(folder),)).take(),
            "one look": pins.moved,
        }.items():
            taken.setdefault(name, []).append((seconds(act), seconds(lambda: walk(folder))))
    return {
        name: (statistics.median(a for a, _ in all_), statistics.median(b for _, b in all_))
        for name, all_ in taken.items()
    }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--bytes", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REFEREE_STATE_DIR"] = f"{folder}/state"
        data = Path(folder) / "data"
        make(data, given.files, given.bytes)
        table = measure(data, given.rounds)
    print(f"{given.files} files, {given.files * given.bytes / 1e6:.0f} MB; walk with lstat: 1.00x")
    for name, (own, plain) in table.items():
        print(f"{name:15} {own * 1000:9.1f} ms  {own / plain:6.2f}x of {plain * 1000:.1f} ms")


if __name__ == "__main__":
    main()
