"""Following a session's journal while a server writes it: only whole lines, each read and checked once.

Guarantee: the state is the fold of the same records that a server would fold; a line that is changed or does not
follow the one before is a fault that names it. Nothing is written and no lock is taken.
Edge: after a line that the disk refused, and that the server therefore took back, all is read again from the start, but
nothing is told twice.
"""

from pathlib import Path

from ...session import journal
from ...session.errors import JournalError
from ...session.fold import fold
from ...session.journal import GENESIS, Record
from ...session.state import State


class Follower:
    """The state of a session that others change.

    Args:
        path: Its journal, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: State | None = None
        self._told, self._told_hash = 0, GENESIS
        self._forget()

    def _forget(self) -> None:
        self.state = None
        self._offset, self._seq, self._head = 0, 0, GENESIS

    def news(self) -> list[Record]:
        """Take in what was written since the last call, and return what was never returned before.

        Raises:
            JournalError: If the journal is damaged.
        """
        try:
            taken = self._taken()
        except JournalError:
            self._forget()
            taken = self._taken()
        new = [record for record in taken if self._is_new(record)]
        if new:
            self._told, self._told_hash = new[-1].seq, new[-1].hash
        return new

    def _is_new(self, record: Record) -> bool:
        """A server takes back its last line alone, so only there another record may have come in its place."""
        return record.seq > self._told or (record.seq == self._told and record.hash != self._told_hash)

    def _taken(self) -> list[Record]:
        taken: list[Record] = []
        for line in self._whole_lines():
            record = journal.parse(line, self._seq + 1, self._head, self.path)
            self.state = fold([record], self.state)
            self._seq, self._head = record.seq, record.hash
            self._offset += len(line) + 1
            taken.append(record)
        return taken

    def _whole_lines(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                raw = file.read()
        except FileNotFoundError:
            return []
        return raw.split(b"\n")[:-1]
