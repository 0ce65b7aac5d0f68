"""Numpy arrays and scalars as dtype, order, shape and raw bytes, and back; no pickle, no text that must be parsed.

Nothing imports it on the host: its text runs inside, beside `carry`. numpy is imported only where an array arrives.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any

_MOST_DIMENSIONS = 32
_DTYPE = re.compile(r"[<>|=](?:b1|[iu][1248]|f[248]|c(?:8|16)|[SU]\d{1,9}|[mM]8(?:\[\d{0,9}[A-Za-zμ]{1,2}\])?)")


class Parts:
    """What an array is made of.

    Attributes:
        dtype: As numpy writes it, such as `<f8`; empty where it is one that is not carried.
        order: `C` or `F`.
        shape: Its sizes.
        data: As many bytes as they take.
        scalar: Whether it is a scalar and no array.
        refused: The dtype that is not carried.
    """

    def __init__(self, dtype: str, order: str, shape: tuple[int, ...], data: bytes, *, scalar: bool) -> None:
        self.dtype, self.order, self.shape, self.data, self.scalar = dtype, order, shape, data, scalar
        self.refused = ""


def parts_of(value: Any) -> Parts | None:
    """Take an array or a scalar apart; None for anything else, arrays of a subclass included."""
    numpy: Any = sys.modules.get("numpy")
    scalar = isinstance(value, getattr(numpy, "generic", ()))
    if not scalar and type(value) is not getattr(numpy, "ndarray", None):
        return None
    array = numpy.asarray(value)
    if not _DTYPE.fullmatch(array.dtype.str):
        parts = Parts("", "C", (), b"", scalar=scalar)
        parts.refused = str(array.dtype)
        return parts
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    return Parts(array.dtype.str, order, array.shape, array.tobytes(order), scalar=scalar)


def made(parts: Parts) -> Any:
    """Put an array or a scalar together.

    Raises:
        ValueError: the parts do not belong together, or numpy cannot be imported here.
    """
    if not _DTYPE.fullmatch(parts.dtype) or parts.order not in {"C", "F"}:
        raise ValueError("an array of an unknown kind")
    if len(parts.shape) > (0 if parts.scalar else _MOST_DIMENSIONS):
        raise ValueError("an array of too many dimensions")
    try:
        import numpy  # noqa: PLC0415, ICN001 - only where an array arrives; it may not be there
    except ImportError:
        raise ValueError("a numpy array arrived, and numpy cannot be imported here") from None
    library: Any = numpy
    dtype = library.dtype(parts.dtype)
    if math.prod(parts.shape) * dtype.itemsize != len(parts.data):
        raise ValueError("an array of another size than its content")
    if not parts.data:
        return library.empty(parts.shape, dtype, order=parts.order)
    # A boolean that is neither 0 nor 1 would count for more than one.
    boolean = dtype.kind == "b"
    flat = library.frombuffer(parts.data, "u1") != 0 if boolean else library.frombuffer(bytearray(parts.data), dtype)
    array = flat.reshape(parts.shape, order=parts.order)
    return array[()] if parts.scalar else array
