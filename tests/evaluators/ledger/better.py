"""Writes the balance of each account: report.py BOOKINGS REPORT."""

import csv
import sys


def balances(path: str) -> dict[str, int]:
    """Return the cents of each account; a withdrawal counts against it."""
    found: dict[str, int] = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sign = -1 if row["kind"] == "withdrawal" else 1
            found[row["account"]] = found.get(row["account"], 0) + sign * int(row["cents"])
    return found


if __name__ == "__main__":
    with open(sys.argv[2], "w", encoding="utf-8") as report:
        report.writelines(f"{account} {cents / 100:.2f}\n" for account, cents in sorted(balances(sys.argv[1]).items()))
