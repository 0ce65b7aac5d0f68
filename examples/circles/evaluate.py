"""Frozen: runs packing.py, reads the circles that it wrote as data, and checks them in exact arithmetic.

Covered: every coordinate is read as the decimal that stands in the file and compared as a fraction, with no tolerance;
the sum is rounded down. Not covered: packing.py runs as the same user beside this process.
"""

import json
import re
import subprocess
import sys
import tempfile
from fractions import Fraction
from itertools import combinations, starmap
from pathlib import Path
from typing import NoReturn

CIRCLES = 26
SECONDS = 20
MAX_BYTES = 16_384
DECIMALS = 12
NUMBER = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)

Circle = tuple[Fraction, Fraction, Fraction]


def refuse(reason: str) -> NoReturn:
    """End with exit code 1 and the reason on stderr: there is no score."""
    sys.exit(f"evaluate.py: {reason}")


def number(text: str) -> Fraction:
    """Return the exact value of a JSON number; refuse one that is absurdly long."""
    if not NUMBER.fullmatch(text):
        refuse(f"found the number {text[:60]!r}, expected at most 3 digits before the point and 40 after it")
    return Fraction(text)


def run_target() -> str:
    """Return what packing.py wrote; refuse a run that fails, is late, or writes no plain file."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "circles.json"
        command = [sys.executable, "-B", "packing.py", str(answer)]
        try:
            code = subprocess.run(command, stdout=sys.stderr, timeout=SECONDS, check=False).returncode
        except subprocess.TimeoutExpired:
            refuse(f"packing.py ran longer than {SECONDS} s")
        if code != 0:
            refuse(f"packing.py ended with exit code {code}")
        if answer.is_symlink() or not answer.is_file() or answer.stat().st_size > MAX_BYTES:
            refuse(f"packing.py must write a file of at most {MAX_BYTES} bytes to the path that it is given")
        return answer.read_text(encoding="utf-8")


def read_circles(text: str) -> list[Circle]:
    """Return the circles; refuse anything but 26 lists of three finite numbers."""
    try:
        found = json.loads(text, parse_float=number, parse_int=number, parse_constant=number)
    except (ValueError, RecursionError) as error:
        refuse(f"packing.py wrote no JSON: {error}")
    if not isinstance(found, list) or len(found) != CIRCLES:
        refuse(f"expected a list of {CIRCLES} circles")
    for index, circle in enumerate(found):
        if not isinstance(circle, list) or len(circle) != 3 or not all(isinstance(v, Fraction) for v in circle):
            refuse(f"circle {index}: expected [x, y, radius], three numbers")
    return [(x, y, r) for x, y, r in found]


def overlaps(first: Circle, second: Circle) -> bool:
    """Say whether two circles share more than a point, exactly."""
    (x1, y1, r1), (x2, y2, r2) = first, second
    return (x1 - x2) ** 2 + (y1 - y2) ** 2 < (r1 + r2) ** 2


def check(circles: list[Circle]) -> None:
    """Refuse a circle without area, one that leaves the square, and two that overlap."""
    for index, (x, y, r) in enumerate(circles):
        if r <= 0:
            refuse(f"circle {index}: the radius is not positive")
        if min(x - r, y - r) < 0 or max(x + r, y + r) > 1:
            refuse(f"circle {index} leaves the unit square")
    pairs = list(combinations(range(CIRCLES), 2))
    crossing = list(starmap(lambda i, j: overlaps(circles[i], circles[j]), pairs))
    if any(crossing):
        first, second = pairs[crossing.index(True)]
        refuse(f"circles {first} and {second} overlap ({sum(crossing)} pairs in all)")


def rounded_down(value: Fraction) -> str:
    """Return `value` with 12 decimals, never more than it is."""
    whole, rest = divmod(int(value * 10**DECIMALS), 10**DECIMALS)
    return f"{whole}.{rest:0{DECIMALS}d}"


def main() -> None:
    circles = read_circles(run_target())
    check(circles)
    print(f"sum_radii: {rounded_down(sum((r for _, _, r in circles), Fraction(0)))}")


if __name__ == "__main__":
    main()
