"""Tells which desk a message is for."""


def label(message: str) -> str:
    """Return `billing`, `delivery` or `other`."""
    return "billing" if "invoice" in message else "other"
