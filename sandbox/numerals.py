"""What counts as a number: a finite plain decimal in ASCII, with or without an exponent.

Not numbers here, although Python's `float` takes them: `nan`, `inf`, `1_000`, digits of other scripts, surrounding
space. Not numbers either: hexadecimal, what overflows, and what underflows to a zero that could win.
"""

import math
import re

_NUMERAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?", re.ASCII)
_LONGEST = 400
_SHOWN = 40


class NotANumberError(ValueError):
    """The text is no plain finite number; the message says why, and can follow a metric's name."""


def number(text: str) -> float:
    """Return the value of a numeral.

    Raises:
        NotANumberError: it is not a plain finite ASCII decimal.
    """
    if len(text) > _LONGEST or not _NUMERAL.fullmatch(text):
        raise NotANumberError(f"{shown(text)} is not a plain decimal number")
    value = float(text)
    if not math.isfinite(value):
        raise NotANumberError(f"{shown(text)} is too large to be a number here")
    if value == 0.0 and re.search(r"[1-9]", re.split("[eE]", text)[0]):
        raise NotANumberError(f"{shown(text)} is too small to be told from zero")
    return value + 0.0


def shown(text: str) -> str:
    """Return untrusted text, quoted, cut and in ASCII, for a message."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
