"""Spreads keys over sixteen buckets."""

BUCKETS = 16


def bucket(key: str) -> int:
    """Return the bucket of a key, from 0 to 15; the same for ever."""
    value = 2166136261
    for byte in key.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return (value ^ value >> 16) % BUCKETS
