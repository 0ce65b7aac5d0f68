"""A small journal with its chain."""

from pathlib import Path

from referee.session.journal import Journal

LINES = 6


def written(path: Path, lines: int = LINES) -> list[bytes]:
    """A journal with accents, floats and nesting, closed in order; its lines."""
    journal = Journal(path)
    for n in range(lines):
        journal.append("call", {"n": n, "é": 1e16 * n, "deep": {"b": [1, 2.5], "a": '\u00ff/"\\'}}, sync=n % 2 == 0)
    journal.close()
    return path.read_bytes().splitlines(keepends=True)
