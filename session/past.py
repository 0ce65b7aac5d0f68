"""The trials of a session by number: the last ones as objects, those long finished packed to few bytes.

Guarantee: a packed trial reads back equal, value for value; it costs the memory of some two hundred bytes, and reading
one costs the unpacking of the chunk that it lies in. What is read from a chunk is a copy: `open` a trial to change it.
Edge: whoever holds a trial while later ones finish holds what it was, once it is packed.
"""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any, Self

from .trial import Decision, Trial

CHUNK = 64
"""Trials that are packed together."""

LIVE = 128
"""So many of the last trials are never packed."""

_FIELDS = tuple(field.name for field in fields(Trial))
_DECISION = _FIELDS.index("decision")


class Trials(MutableMapping[int, Trial]):
    """Trials in order of their numbers, which count from 0.

    Args:
        live: Those that are not packed.
        packed: Chunks of those before, as `packed` returns them.
    """

    def __init__(self, live: Mapping[int, Trial] | None = None, packed: Sequence[bytes] = ()) -> None:
        self._live = dict(live or {})
        self._packed = list(packed)
        self._read: tuple[int, list[Trial]] = (-1, [])  # the chunk that was read last

    @property
    def packed(self) -> Sequence[bytes]:
        """The chunks, each of `CHUNK` trials from number 0 on."""
        return self._packed

    @property
    def live(self) -> Mapping[int, Trial]:
        """The trials that are not packed."""
        return self._live

    def chunk(self, index: int) -> Sequence[Trial]:
        """Copies of the trials of one chunk.

        Raises:
            IndexError: If there is none of that number.
        """
        if self._read[0] != index:
            self._read = (index, _unpack(self._packed[index]))
        return self._read[1]

    def open(self, number: int) -> Trial:
        """The trial itself, to be changed; a packed one is unpacked, with all that come after it."""
        if number in self._live:
            return self._live[number]
        index = number // CHUNK
        if not 0 <= index < len(self._packed):
            raise KeyError(number)
        back = (trial for one in range(index, len(self._packed)) for trial in _unpack(self._packed[one]))
        self._live = {trial.number: trial for trial in back} | self._live
        del self._packed[index:]
        self._read = (-1, [])
        return self._live[number]

    def pack(self, unfinished: Collection[int]) -> None:
        """Pack what may be packed: whole chunks of finished trials that are not among the last."""
        while len(self._live) >= CHUNK + LIVE:
            first = len(self._packed) * CHUNK
            numbers = range(first, first + CHUNK)
            if not all(number in self._live and number not in unfinished for number in numbers):
                return
            self._packed.append(_pack([self._live.pop(number) for number in numbers]))

    def dump(self) -> list[str]:
        """All of them as JSON data for `load` of the same version of Referee."""
        return [b64encode(chunk).decode("ascii") for chunk in (*self._packed, _pack([*self._live.values()]))]

    @classmethod
    def load(cls, held: Sequence[str]) -> Self:
        """What `dump` gave.

        Raises:
            ValueError: Or KeyError or TypeError, if it is none.
        """
        *packed, live = (b64decode(chunk, validate=True) for chunk in held)
        return cls({trial.number: trial for trial in _unpack(live)}, packed)

    def latest(self) -> Iterator[Trial]:
        """The trials, the last one first."""
        return map(self.__getitem__, reversed(self))

    def __getitem__(self, number: int) -> Trial:
        found = self._live.get(number)
        if found is not None:
            return found
        index, place = divmod(number, CHUNK)
        if not 0 <= index < len(self._packed):
            raise KeyError(number)
        return self.chunk(index)[place]

    def __setitem__(self, number: int, trial: Trial) -> None:
        if number not in self._live and number in self:
            self.open(number)
        self._live[number] = trial

    def __delitem__(self, number: int) -> None:
        self.open(number)
        del self._live[number]

    def __contains__(self, number: object) -> bool:
        return number in self._live or (isinstance(number, int) and 0 <= number < len(self._packed) * CHUNK)

    def __iter__(self) -> Iterator[int]:
        return chain(range(len(self._packed) * CHUNK), self._live)

    def __reversed__(self) -> Iterator[int]:
        return chain(reversed(self._live), reversed(range(len(self._packed) * CHUNK)))

    def __len__(self) -> int:
        return len(self._packed) * CHUNK + len(self._live)


def _pack(trials: Sequence[Trial]) -> bytes:
    # The journal holds the same values as JSON, so nothing is lost in it.
    rows = [[getattr(trial, name) for name in _FIELDS] for trial in trials]
    return zlib.compress(json.dumps(rows, separators=(",", ":"), allow_nan=False).encode("ascii"))


def _unpack(chunk: bytes) -> list[Trial]:
    try:
        rows: list[list[Any]] = json.loads(zlib.decompress(chunk))
    except zlib.error as fault:
        raise ValueError(str(fault)) from None
    for row in rows:
        row[_DECISION] = row[_DECISION] and Decision(row[_DECISION])
    return [Trial(*row) for row in rows]
