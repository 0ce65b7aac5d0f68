"""Reads a text on standard input and prints its sentences, one on each line."""

import re
import sys

TITLES = ("Dr.", "Mr.", "Mrs.", "No.")


def sentences(text: str) -> list[str]:
    """Cut after every mark that ends a sentence, unless a title or a small letter speaks against it."""
    found = [""]
    for word in text.split():
        found[-1] = f"{found[-1]} {word}".strip()
        if re.search(r"[.!?]$", word) and word not in TITLES:
            found.append("")
    return [sentence for sentence in found if sentence]


if __name__ == "__main__":
    print("\n".join(sentences(sys.stdin.read())))
