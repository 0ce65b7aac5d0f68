"""Reads a text on standard input and prints its sentences, one on each line."""

import sys


def sentences(text: str) -> list[str]:
    """Cut after every full stop."""
    return [f"{part.strip()}." for part in text.split(".") if part.strip()]


if __name__ == "__main__":
    print("\n".join(sentences(sys.stdin.read())))
