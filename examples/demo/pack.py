"""Packs parcels into vans. This is the file to edit."""

import json
import sys


def pack(parcels: list[int], room: int) -> list[list[int]]:
    """Return the vans: every parcel in one of them, none fuller than `room`."""
    vans: list[list[int]] = [[]]
    for parcel in parcels:
        if sum(vans[-1]) + parcel > room:
            vans.append([])
        vans[-1].append(parcel)
    return vans


if __name__ == "__main__":
    json.dump([pack(day["parcels"], day["room"]) for day in json.load(sys.stdin)], sys.stdout)
