"""Counts the comparisons that a sorter needs for a few lists."""

import runpy
import sys

LISTS = [[(seed * index * index + 7 * index) % 211 for index in range(60)] for seed in (3, 5, 8)]


def main(program: str) -> None:
    sort = runpy.run_path(program)["sort"]
    comparisons = 0

    def less(one: int, other: int) -> bool:
        nonlocal comparisons
        comparisons += 1
        return one < other

    for numbers in LISTS:
        if sort(list(numbers), less) != sorted(numbers):
            sys.exit("not sorted")
    print(f"sorted {len(LISTS)} lists")
    print(f"METRIC comparisons={comparisons}")
    print(f"METRIC comparisons_per_item={comparisons / sum(map(len, LISTS)):.4f}")


if __name__ == "__main__":
    main(sys.argv[1])
