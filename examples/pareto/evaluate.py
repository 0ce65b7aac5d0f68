"""Frozen: runs the little program of arctan.txt in exact arithmetic; prints its error and its number of operations.

Covered: the target is data for the interpreter below, which knows four operations and no loop, so it can print
nothing and always ends. Fractions make the error independent of the order of the operations: only the formula counts.
A division is charged as four operations.
"""

import math
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

POINTS = 256  # x = 0, 1/256, ..., 1
MAX_LINES = 40
MAX_BITS = 4_000  # of a numerator or denominator: ends towers such as y = y * y
COST = {"+": 1, "-": 1, "*": 1, "/": 4}
LINE = re.compile(
    r"(?P<name>[a-z][a-z0-9]*) = (?P<left>[a-z0-9.]+) (?P<operator>[-+*/]) (?P<right>[a-z0-9.]+)", re.ASCII
)
DECIMAL = re.compile(r"[0-9]{1,6}(\.[0-9]{1,20})?", re.ASCII)

Step = tuple[str, str | Fraction, str, str | Fraction]


def refuse(reason: str) -> NoReturn:
    """End with exit code 1 and the reason on stderr: there is no score."""
    sys.exit(f"evaluate.py: arctan.txt: {reason}")


def operand(text: str, known: set[str], number: int) -> str | Fraction:
    """Return a decimal as a fraction, a known name as itself; refuse anything else."""
    if DECIMAL.fullmatch(text):
        return Fraction(text)
    if text not in known:
        refuse(f"line {number}: {text!r} is neither a decimal number, x, nor a name assigned above")
    return text


def parse(text: str) -> list[Step]:
    """Return the steps; refuse a line that is not an assignment, and a name that is assigned twice."""
    steps: list[Step] = []
    known = {"x"}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        found = LINE.fullmatch(line)
        if not found or found["name"] in known:
            refuse(f"line {number}: found {line[:60]!r}, expected: new_name = a + b (or -, *, /)")
        left, right = (operand(found[side], known, number) for side in ("left", "right"))
        steps.append((found["name"], left, found["operator"], right))
        known.add(found["name"])
    if not steps or steps[-1][0] != "result" or len(steps) > MAX_LINES:
        refuse(f"expected 1 to {MAX_LINES} assignments, the last one to 'result'")
    return steps


def apply(operator: str, left: Fraction, right: Fraction) -> Fraction:
    """Return the value of one operation; refuse a division by zero and a number that grows beyond all use."""
    if operator == "/" and right == 0:
        refuse("a division by zero")
    value = {"+": left.__add__, "-": left.__sub__, "*": left.__mul__, "/": left.__truediv__}[operator](right)
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        refuse(f"a value of more than {MAX_BITS} bits")
    return value


def run(steps: list[Step], x: Fraction) -> Fraction:
    """Return what the program yields for `x`."""
    values = {"x": x}
    for name, left, operator, right in steps:
        a, b = (values[side] if isinstance(side, str) else side for side in (left, right))
        values[name] = apply(operator, a, b)
    return values["result"]


def largest_error(steps: list[Step]) -> Fraction:
    """Return the largest distance from arctan over the grid."""
    grid = [Fraction(i, POINTS) for i in range(POINTS + 1)]
    error = max(abs(run(steps, x) - Fraction(math.atan(x))) for x in grid)
    if error > 1:
        refuse(f"an error above 1 is no approximation (found about 10^{len(str(int(error))) - 1})")
    return error


def main() -> None:
    steps = parse(Path("arctan.txt").read_text(encoding="utf-8"))
    print(f"error_ppm: {float(largest_error(steps) * 1_000_000):.6f}")
    print(f"operations: {sum(COST[operator] for _, _, operator, _ in steps)}")


if __name__ == "__main__":
    main()
