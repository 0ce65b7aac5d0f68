"""What commands print: aligned, as wide as the terminal, and never more than text.

Guarantee: no control, formatting or unpaired surrogate character of a description, log or file reaches the terminal;
a character that its encoding lacks is replaced.
"""

import json
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from ...session.untrusted import printable

_LEAST = 12
_MINUTE, _HOUR = 60, 3600


def width() -> int | None:
    """Columns of the terminal; None if the output goes elsewhere and `COLUMNS` is not set."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return None
    return max(shutil.get_terminal_size().columns, 40)


def say(text: str = "") -> None:
    """Print text of any number of lines, cleaned."""
    encoding = sys.stdout.encoding or "utf-8"
    lines = (printable(line).encode(encoding, "replace").decode(encoding) for line in text.split("\n"))
    print("\n".join(lines))  # noqa: T201 - the command line speaks here


def say_json(data: Any) -> None:
    """Print data as JSON, in ASCII."""
    print(json.dumps(data, indent=2))  # noqa: T201 - the command line speaks here


def cells(text: str) -> int:
    """Columns that a cleaned text takes on a terminal."""
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def cut(text: str, columns: int | None) -> str:
    """The text on one line, with an ellipsis where it does not fit."""
    line = "".join(char if char.isprintable() else " " for char in text)
    if columns is None or cells(line) <= columns:
        return line
    shown, used = "", 1
    for char in line:
        used += _cells(char)
        if used > columns:
            break
        shown += char
    return f"{shown}…"


def table(rows: Sequence[Sequence[str]], columns: int | None) -> list[str]:
    """Rows in aligned columns, numbers to the right; the last column takes what is left of the line."""
    clean = [[cut(cell, None) for cell in row] for row in rows]
    widths = [max(cells(row[index]) for row in clean) for index in range(len(rows[0]) - 1)]
    right = [all(_numeric(row[index]) for row in clean[1:]) for index in range(len(widths))]
    left = None if columns is None else max(columns - sum(widths) - 2 * len(widths), 1)
    return [cut(_line(row, widths, right, left), columns) for row in clean]


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool], left: int | None) -> str:
    padded = [
        f"{' ' * (size - cells(cell))}{cell}" if flush else f"{cell}{' ' * (size - cells(cell))}"
        for cell, size, flush in zip(row[:-1], widths, right, strict=True)
    ]
    return "  ".join([*padded, cut(row[-1], left)]).rstrip()


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return True


def pairs(facts: Iterable[tuple[str, str]], columns: int | None) -> list[str]:
    """Facts as `name   value`, wrapped at the width; those without a value are left out."""
    known = [(name, value) for name, value in facts if value]
    size = max((len(name) for name, _ in known), default=0) + 2
    lines: list[str] = []
    for name, value in known:
        whole = cut(value, None)
        wrapped = [whole] if columns is None else textwrap.wrap(whole, max(columns - size, _LEAST))
        lines += [
            f"{head.ljust(size)}{part}" for head, part in zip([name, *[""] * len(wrapped)], wrapped, strict=False)
        ]
    return lines


def duration(seconds: float) -> str:
    """Seconds as a person says them: `41.2s`, `5m12s`, `2h03m`."""
    whole = round(seconds)
    if seconds < _MINUTE:
        return f"{seconds:.1f}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02d}s"
    return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02d}m"


def memory(gigabytes: float) -> str:
    """An amount of memory, given in GiB: `44.0 GB`, or `18 MB` where that says more."""
    return f"{gigabytes:.1f} GB" if gigabytes >= 1 else f"{gigabytes * 1024:.0f} MB"
