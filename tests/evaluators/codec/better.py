"""Makes texts shorter, and long again."""

import lzma


def shrink(text: str) -> bytes:
    """Return the text in as few bytes as possible."""
    return lzma.compress(text.encode(), format=lzma.FORMAT_ALONE)


def grow(data: bytes) -> str:
    """Return the text that was shrunk."""
    return lzma.decompress(data).decode()
