"""Fixed: the text, its split, and the number that counts."""

import math
from collections.abc import Callable

SYLLABLES = ("ba", "re", "mo", "li", "sun", "ta")


def text(words: int, seed: int) -> str:
    state, made = seed, list[str]()
    for _ in range(words):
        state = (1103515245 * state + 12345) & 0x7FFFFFFF
        made.append("".join(SYLLABLES[(state >> shift) % 6] for shift in (5, 9, 14)[: 1 + (state >> 20) % 3]))
    return " ".join(made)


TRAIN, VALIDATION = text(3000, 1), text(300, 2)


def bits_per_byte(probability: Callable[[str, str], float]) -> float:
    """Mean of -log2 of what the model gave to each character, after the text before it."""
    bits = 0.0
    for index in range(1, len(VALIDATION)):
        bits -= math.log2(probability(VALIDATION[:index], VALIDATION[index]))
    return bits / (len(VALIDATION) - 1)
