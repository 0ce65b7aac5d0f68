"""Values as people read them, in pairs: what was seen and what was allowed read alike only if they are."""

_MOST_DIGITS = 18
_UNITS = ((1000**4, "TB", 2), (1000**3, "GB", 2), (1000**2, "MB", 1), (1000, "kB", 1))


def sizes(seen: int, allowed: int) -> tuple[str, str]:
    """Return two numbers of bytes, with as many digits as it takes to tell them apart; kB is 1000 bytes."""
    pairs = ((_size(seen, more), _size(allowed, more)) for more in range(_MOST_DIGITS))
    return next((pair for pair in pairs if pair[0] != pair[1]), (_size(seen, 0), _size(allowed, 0)))


def times(seen: float, allowed: float) -> tuple[str, str]:
    """Return two durations in seconds: the allowed one as it is, the other as exactly as it takes to tell it apart."""
    limit = f"{allowed:.12g}"
    texts = (f"{seen:.{digits}f}" for digits in range(1, _MOST_DIGITS))
    right = (text for text in texts if _order(float(text), float(limit)) == _order(seen, allowed))
    return f"{next(right, limit)} s", f"{limit} s"


def _order(one: float, other: float) -> int:
    return (one > other) - (one < other)


def _size(value: int, more: int) -> str:
    for factor, unit, digits in _UNITS:
        if value >= factor:
            shift = 10 ** (digits + more)
            whole, rest = divmod((value * shift + factor // 2) // factor, shift)
            return f"{whole}.{rest:0{digits + more}d} {unit}"
    return f"{value} bytes"
