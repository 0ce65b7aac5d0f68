"""Tells which desk a message is for."""

WORDS = {"billing": ("invoice", "charged", "refund"), "delivery": ("parcel", "courier", "arrive")}


def label(message: str) -> str:
    """Return `billing`, `delivery` or `other`."""
    lower = message.lower()
    return next((desk for desk, words in WORDS.items() if any(word in lower for word in words)), "other")
