"""The result files of a session as they lie on the disk: in its state, and the table in the checkout as well.

Guarantee: a file is written whole, and only if it would differ from what was written last.
Edge: what cannot be written is told once for each new content, and stops nothing.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from . import results
from .files import write_whole
from .state import State


class Published:
    """`results.tsv` and `budget.log` of one session.

    Args:
        home: The session's state folder.
        copy: Where the checkout's copy of the table lies.
        state: Of the session; its trials are those that are not written yet.
    """

    def __init__(self, home: Path, copy: Path, state: State) -> None:
        self._home, self._copy = home, copy
        self._rows, self._costs = results.rows(state.opened.contract), results.costs()
        self._stale = set(state.trials)
        self._digests: dict[Path, bytes] = {}

    def stale(self, numbers: Iterable[int]) -> None:
        """The lines of these trials are to be made anew."""
        self._stale.update(numbers)

    def write(self, state: State) -> list[str]:
        """Make the files what the state says, and return what could not be written, one sentence each."""
        changed = state.trials, self._stale, state.unfinished
        table, costs = self._rows.update(*changed), self._costs.update(*changed) + results.apart(state)
        self._stale.clear()
        files = {self._home / "results.tsv": table, self._home / "budget.log": costs, self._copy: table}
        return [said for path, data in files.items() if (said := self._put(path, data))]

    def _put(self, path: Path, data: bytes) -> str:
        digest = hashlib.sha256(data).digest()
        if self._digests.get(path) == digest:
            return ""
        self._digests[path] = digest
        try:
            write_whole(path, data)
        except OSError as fault:
            return f"{path.name} cannot be written in {path.parent.name} ({fault.strerror})"
        return ""
