"""Prints the length of a trip as one JSON object, after a few words for people."""

import json
import math
import runpy
import sys

PLACES = {
    "train": [(37 * index % 101, 53 * index % 97) for index in range(25)],
    "test": [(29 * index % 103, 61 * index % 89) for index in range(25)],
}


def length(places: list[tuple[int, int]], order: list[int]) -> float:
    steps = zip(order, [*order[1:], order[0]], strict=True)
    return math.fsum(math.dist(places[here], places[there]) for here, there in steps)


def main(program: str, split: str) -> None:
    places = PLACES[split]
    order = runpy.run_path(program)["plan"](list(places))
    if sorted(order) != list(range(len(places))):
        sys.exit("the trip does not visit every place once")
    metres = length(places, order)
    print(f"visited {len(order)} places")
    print(json.dumps({"status": "success", "combined_score": 1000.0 / metres, "metrics": {"metres": metres}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
