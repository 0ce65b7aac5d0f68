"""The files around a trial: what it may read, what it must not, and what must stay as it is.

Everything is open to every user, so that no ordinary permission does the sandbox's work for it.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.conftest import FROZEN, Lab

JUDGE = """import prepare
labels = open("data/labels.csv").read().split(",")
print(f"score: {max(prepare.LIMIT, int(labels[-1]) - 2)}")
"""


def lay_out(lab: Lab, home: Path, token: str) -> None:
    """Lay out everything that stands around the trial of `lab`."""
    files = {
        "outside/secret": token,
        "outside/evaluator.py": "LIMIT = 1\n",
        "outside/watched/empty": "",
        "input/data": "payload\n",
        "input/lock": "",
        "input/lease": "",
        "input/helper.py": "def f(): return 7\n",
        "closed/secret": token,
        "neighbour/.git/config": token,
        "state/journal.jsonl": f'{{"token": "{token}"}}\n',
        "repository/.env": token,
        "repository/.git/hooks/sample": "",
        "repository/.venv/bin/tool": "#!/bin/sh\n",
        **{f"repository/{name}": text for name, text in FROZEN.items()},
    }
    for name, text in files.items():
        path = lab.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644 if name.startswith("repository/") else 0o666)
    for name in ("outside", "outside/watched", "input", "repository", "repository/.git/hooks", "repository/.venv/bin"):
        (lab.base / name).chmod(0o777)
    (lab.base / "closed").chmod(0o700)
    (lab.base / "input" / "way-out").symlink_to(lab.base / "outside" / "secret")
    judge = lab.base / "state" / "snapshot" / "judge.py"
    judge.write_text(JUDGE, encoding="utf-8")
    judge.chmod(0o444)
    (home / ".ssh" / "id_ed25519").write_text(token, encoding="ascii")


@dataclass(frozen=True, slots=True)
class Entry:
    """One path: what it holds, and everything else that can be changed of it."""

    substance: tuple[int, int, bytes | None]
    mode: int
    owner: tuple[int, int]
    times: tuple[int, ...]
    attributes: dict[str, bytes]


def tree(base: Path) -> dict[str, Entry]:
    """Return everything that a trial must not change, by its path relative to `base`."""
    found: dict[str, Entry] = {}
    for top in ("outside", "input", "repository", "state/snapshot", "state/journal.jsonl"):
        for path in [base / top, *(base / top).rglob("*")]:
            if "watched" not in path.parts:
                with suppress(FileNotFoundError):
                    found[str(path.relative_to(base))] = _entry(path)
    return found


def differing(before: dict[str, Entry], after: dict[str, Entry], of: Callable[[Entry], object]) -> set[str]:
    """Return the paths that one side lacks, or that differ in what `of` takes of them."""
    both = before.keys() & after.keys()
    return (before.keys() ^ after.keys()) | {path for path in both if of(before[path]) != of(after[path])}


def _entry(path: Path) -> Entry:
    status = path.lstat()
    plain = path.is_file() and not path.is_symlink()
    return Entry(
        substance=(status.st_ino, status.st_nlink, path.read_bytes() if plain and os.access(path, os.R_OK) else None),
        mode=status.st_mode,
        owner=(status.st_uid, status.st_gid),
        # What is made in a folder is seen by itself.
        times=(status.st_mtime_ns, status.st_ctime_ns) if plain else (),
        attributes={
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        },
    )
