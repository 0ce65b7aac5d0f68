"""Frozen: hands pack.py ten days of parcels, checks every van, and prints how many vans were needed.

Covered: what pack.py answers is read as data; a parcel that is lost, invented or split, and a van that is too full, end
the trial without a score. Not covered: pack.py runs as the same user beside this process.
"""

import json
import random
import subprocess
import sys
from typing import NoReturn

DAYS, PARCELS, ROOM = 10, 60, 100


def refuse(reason: str) -> NoReturn:
    """End with exit code 1 and the reason on stderr: there is no score."""
    sys.exit(f"evaluate.py: {reason}")


def parcels_of(day: int) -> list[int]:
    """Return the sizes of the parcels of one day, always the same."""
    rng = random.Random(day)
    return [rng.randint(10, 60) for _ in range(PARCELS)]


def answers(days: list[list[int]]) -> object:
    """Return what pack.py prints for these days."""
    question = json.dumps([{"parcels": parcels, "room": ROOM} for parcels in days])
    command = [sys.executable, "-B", "pack.py"]
    done = subprocess.run(command, input=question, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        refuse(f"pack.py ended with exit code {done.returncode}")
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError) as error:
        refuse(f"pack.py printed no JSON: {error}")


def count_vans(vans: object, parcels: list[int], day: int) -> int:
    """Return the number of vans that hold something; refuse a packing that is not one."""
    if not isinstance(vans, list) or not all(isinstance(van, list) for van in vans):
        refuse(f"day {day}: expected a list of vans, each a list of parcels")
    if not all(type(parcel) is int for van in vans for parcel in van):
        refuse(f"day {day}: a parcel is a whole number")
    if sorted(parcel for van in vans for parcel in van) != sorted(parcels):
        refuse(f"day {day}: the parcels in the vans are not the parcels of the day")
    if any(sum(van) > ROOM for van in vans):
        refuse(f"day {day}: a van holds more than {ROOM}")
    return sum(1 for van in vans if van)


def main() -> None:
    days = [parcels_of(day) for day in range(DAYS)]
    found = answers(days)
    if not isinstance(found, list) or len(found) != DAYS:
        refuse(f"expected a list of {DAYS} packings")
    print(f"vans: {sum(count_vans(vans, days[day], day) for day, vans in enumerate(found))}")


if __name__ == "__main__":
    main()
