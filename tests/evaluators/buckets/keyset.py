"""The keys that are spread: names of made-up samples."""

SITES = ("north", "south", "harbour", "hill")


def keys() -> list[str]:
    return [f"{site}-{number:03d}-{'abc'[number % 3]}" for site in SITES for number in range(50)]
