"""Frozen: runs query.sql on three databases, compares every row, and prints how many steps SQLite took.

The cost is counted in instructions of SQLite's virtual machine (through its progress handler), not in seconds: the
same number every time for one version of SQLite. Covered: the query may only read, it cannot spell out the answer
(567 rows do not fit into its length), and its text is data that this process alone interprets. Not covered: work that
hides inside one instruction, such as a long string function.
"""

import sqlite3
import sys
from pathlib import Path
from typing import NoReturn

import shop

SEEDS = (3, 14, 159)
MAX_CHARACTERS = 4_000
STEPS_PER_TICK = 10
MAX_STEPS = 40_000_000  # for the three databases together
MAX_ROWS = 1_000
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def refuse(reason: str) -> NoReturn:
    """End with exit code 1 and the reason on stderr: there is no score."""
    sys.exit(f"evaluate.py: {reason}")


class Meter:
    """Counts the steps of the statements on the connections that it watches, and stops them at the limit."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> int:
        self.steps += STEPS_PER_TICK
        return int(self.exhausted)

    @property
    def exhausted(self) -> bool:
        return self.steps > MAX_STEPS


def permit(action: int, *_names: str | None) -> int:
    """Allow reading, and nothing else."""
    return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY


def rows_of(query: str, filled: shop.Shop, meter: Meter) -> list[tuple[object, ...]]:
    """Return what the query finds; refuse one that fails, writes or does not end."""
    connection = shop.database(filled)
    connection.set_authorizer(permit)
    connection.set_progress_handler(meter, STEPS_PER_TICK)
    try:
        return connection.execute(query).fetchmany(MAX_ROWS)
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        refuse(f"query.sql: {f'more than {MAX_STEPS} steps' if meter.exhausted else error}")
    finally:
        connection.close()


def compare(found: list[tuple[object, ...]], expected: list[shop.Row]) -> None:
    """Refuse rows that differ from the right ones in value, type, number or order."""
    if len(found) != len(expected):
        refuse(f"query.sql: found {len(found)} rows, expected {len(expected)}")
    for index, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        if repr(ours) != repr(theirs):
            refuse(f"query.sql: row {index}: found {ours!r}, expected {theirs!r}")


def main() -> None:
    query = Path("query.sql").read_text(encoding="utf-8")
    if len(query) > MAX_CHARACTERS:
        refuse(f"query.sql: found {len(query)} characters, expected at most {MAX_CHARACTERS}")
    meter = Meter()
    for seed in SEEDS:
        filled = shop.fill(seed)
        compare(rows_of(query, filled, meter), shop.answer(filled))
    print(f"vm_steps: {meter.steps}")


if __name__ == "__main__":
    main()
