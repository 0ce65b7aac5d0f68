"""Makes texts shorter, and long again."""


def shrink(text: str) -> bytes:
    """Return the text in as few bytes as possible."""
    return text.encode("utf-16")


def grow(data: bytes) -> str:
    """Return the text that was shrunk."""
    return data.decode("utf-16")
