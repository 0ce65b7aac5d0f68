"""Writes the text that the model learns: the log of an invented harbour.

The same seed always gives the same text. Two seeds give two logs of one world: the same ships, captains and goods,
other days. So the held-out text is new, and what was learned from the training text still holds in it.
"""

import random
from collections.abc import Callable

SHIPS = [
    ("brig Marigold", "Ines Duarte", "she", "Lisbon"),
    ("cutter Swift", "Tom Hallam", "he", "Whitby"),
    ("barque Northern Star", "Olaf Brandt", "he", "Bergen"),
    ("ketch Patience", "Mary Pell", "she", "Falmouth"),
    ("schooner Halcyon", "Luc Morel", "he", "Brest"),
    ("lugger Two Sisters", "Ann Tregear", "she", "Penzance"),
    ("galliot Hope", "Jan Visser", "he", "Rotterdam"),
    ("sloop Windflower", "Ruth Amsel", "she", "Lubeck"),
    ("brigantine Esperanza", "Pilar Otero", "she", "Vigo"),
    ("collier Black Diamond", "Ned Fenwick", "he", "Newcastle"),
]
GOODS = {
    "Lisbon": ["cork", "salt", "lemons"],
    "Whitby": ["jet", "herring"],
    "Bergen": ["stockfish", "pine boards", "tar"],
    "Falmouth": ["tin", "letters"],
    "Brest": ["cider", "sailcloth"],
    "Penzance": ["pilchards", "copper ore"],
    "Rotterdam": ["cheese", "bulbs", "glass"],
    "Lubeck": ["amber", "rye"],
    "Vigo": ["sardines", "oranges"],
    "Newcastle": ["coal"],
}
UNITS = ["barrels", "chests", "crates", "sacks"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
WINDS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"]
SKIES = ["clear", "overcast", "thick with fog", "bright after rain", "grey and low", "full of gulls"]
FAULTS = ["a sprung plank", "a torn mainsail", "a fouled anchor", "a cracked yard", "a leak below the waterline"]
SYLLABLES = "ba bel cor da den el fa gar hol is ka lin mar ne or pa quin ro sel ta ul ver win yor za".split()
TRADES = ["carpenter", "sailmaker", "smith", "caulker", "rigger"]


def arrival(rng: random.Random) -> str:
    """Return the entry of a ship that comes in: its goods belong to its port, the fee to the number of units."""
    ship, captain, pronoun, port = rng.choice(SHIPS)
    count, unit = rng.randint(2, 60), rng.choice(UNITS)
    return (
        f"The {ship} came in from {port} with {count} {unit} of {rng.choice(GOODS[port])}. "
        f"Captain {captain} paid {2 * count} crowns, and {pronoun} signed the book."
    )


def departure(rng: random.Random) -> str:
    """Return the entry of a ship that goes home."""
    ship, captain, pronoun, port = rng.choice(SHIPS)
    when, weeks = rng.choice(["morning", "evening"]), rng.randint(2, 9)
    return (
        f"The {ship} sailed for {port} on the {when} tide; "
        f"Captain {captain} said {pronoun} would be back in {weeks} weeks."
    )


def repair(rng: random.Random) -> str:
    """Return the entry of a repair."""
    ship, captain, pronoun, _ = rng.choice(SHIPS)
    trade = rng.choice(TRADES)
    fault, days = rng.choice(FAULTS), rng.randint(2, 9)
    return (
        f"The {trade} mended {fault} on the {ship}. "
        f"Captain {captain} thanked the {trade}, for {pronoun} had waited {days} days."
    )


def sum_of_the_day(rng: random.Random) -> str:
    """Return the entry that closes the purse: a sum that is right."""
    first, second = rng.randint(10, 99), rng.randint(10, 99)
    return f"In the purse were {first} crowns; {second} came in, which makes {first + second}."


def name(rng: random.Random) -> str:
    """Return a name that stands in no list."""
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4))).capitalize()


def passenger(rng: random.Random) -> str:
    """Return the entry of a stranger, who is named twice."""
    who, port = name(rng), rng.choice(SHIPS)[3]
    return f"A stranger called {who} asked for a passage to {port}, and {who} of {name(rng)} was told to wait."


def quiet(rng: random.Random) -> str:
    """Return the entry of an idle day."""
    return rng.choice(
        [
            "Nothing came in and nothing went out.",
            "The harbour master slept until noon.",
            "The lamp was lit an hour early.",
            "Two boys fell off the mole and were fished out by the pilot.",
        ]
    )


ENTRIES: list[Callable[[random.Random], str]] = [
    arrival,
    arrival,
    departure,
    repair,
    sum_of_the_day,
    passenger,
    passenger,
    quiet,
]


def write_log(seed: int, size: int) -> bytes:
    """Return `size` bytes of log, ASCII only."""
    rng = random.Random(seed)
    lines: list[str] = []
    day = length = 0
    while length < size:
        weather = f"{DAYS[day % 7]}. Wind {rng.choice(WINDS)}, the sky {rng.choice(SKIES)}."
        entries = [rng.choice(ENTRIES)(rng) for _ in range(rng.randint(1, 3))]
        lines.append(" ".join([weather, *entries]) + "\n")
        length += len(lines[-1])
        day += 1
    return "".join(lines).encode("ascii")[:size]
