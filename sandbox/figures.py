"""Values as people read them, in pairs: what was seen and what was allowed never read alike unless they are alike."""

from collections.abc import Callable

_MOST_DIGITS = 18
_UNITS = ((1000**4, "TB", 2), (1000**3, "GB", 2), (1000**2, "MB", 1), (1000, "kB", 1))


def sizes(seen: int, allowed: int) -> tuple[str, str]:
    """Return two numbers of bytes; kB is 1000 bytes."""
    return _apart(_size, seen, allowed)


def times(seen: float, allowed: float) -> tuple[str, str]:
    """Return two durations in seconds."""
    return _apart(lambda value, more: f"{value:.{1 + more}f} s", seen, allowed)


def _apart(write: Callable[[float, int], str], seen: float, allowed: float) -> tuple[str, str]:
    """Write both with as many further digits as it takes to tell them apart."""
    for more in range(_MOST_DIGITS):
        texts = write(seen, more), write(allowed, more)
        if texts[0] != texts[1] or seen == allowed:
            return texts
    return repr(seen), repr(allowed)


def _size(value: float, more: int) -> str:
    for factor, unit, digits in _UNITS:
        if value >= factor:
            return f"{value / factor:.{digits + more}f} {unit}"
    return f"{value:g} bytes"
