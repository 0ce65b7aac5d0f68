"""The store of retained files held against the journal: each file hashed again.

Guarantee: a file that is missing, changed, or that no record names is named with the trial that it belongs to.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from .findings import Check, shown
from .retained import sha256_of
from .retention import STORE, Lasting, left_by
from .state import State


def check_retained(home: Path, state: State | None, *, whole: bool) -> Check:
    """Check that the store of the session in `home` holds what its journal says, and nothing else."""
    check = Check("retained")
    if state is None or not whole:
        check.unchecked = "the journal cannot be read to its end"
        return check
    store, held = home / STORE, state.shelf
    files = [(number, file) for number in held for file in held[number]]
    check.covers = f"{len(files)} files of {len(held)} trials, {sum(file.size for _, file in files)} bytes"
    for number, file in files:
        check.findings += _differing(store, number, file)
        if file not in left_by(state.trials[number].measurement):
            check.findings.append(f"trial {number}: {shown(file.path)} was stored, but never measured")
    check.findings += _strangers(store, {file.sha256 for _, file in files})
    return check


def _differing(store: Path, number: int, file: Lasting) -> Iterator[str]:
    called = f"trial {number}: {shown(file.path)}"
    try:
        found = sha256_of(store / file.sha256)
    except OSError as fault:
        yield f"{called} cannot be read in the store ({fault.strerror})"
        return
    if found != file.sha256:
        yield f"{called} was changed: its content is {found[:12]}…, the journal says {file.sha256[:12]}…"


def _strangers(store: Path, known: set[str]) -> list[str]:
    names = os.listdir(store) if store.is_dir() else []
    return [f"the store holds {shown(name)}, which no record names" for name in sorted(names) if name not in known]
