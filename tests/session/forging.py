"""Objects in a store that git itself would never write."""

import zlib
from pathlib import Path

from tests.projects import git_bytes, loose


def forge(folder: Path, oid: str, kind: str, data: bytes) -> None:
    """Put other content where git keeps a loose object."""
    place = loose(folder, oid)
    place.chmod(0o644)
    place.write_bytes(zlib.compress(f"{kind} {len(data)}\0".encode() + data))


def stored(folder: Path, kind: str, data: bytes) -> str:
    """Store an object as it stands, unfiltered and unchecked; return its id."""
    words = ["hash-object", "-t", kind, "--literally", "-w", "--no-filters", "--stdin"]
    return git_bytes(folder, *words, given=data).decode().strip()


def raw_tree(folder: Path, entries: list[tuple[str, bytes, str]]) -> str:
    """Store a tree of any entries, and a commit of it."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    tree = stored(folder, "tree", data)
    return git_bytes(folder, "commit-tree", "-m", "forged", tree).decode().strip()
