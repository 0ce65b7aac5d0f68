"""What a trial has written to disk so far, looked up often where it may be too much and seldom where it is not.

Counting files takes time, asking a file system how much it holds takes none: the latter says when to count at once.
It decides nothing by itself, because others write and remove at the same time, unless the trial's folders are
nested deeper than they can be followed.
"""

import math
import time
from collections.abc import Iterable

from .disk import Count, Walk, used

_REST = 100
_REST_IN_DOUBT = 2
_SHORTEST_REST = 0.5
_SLICE = 0.005
_SLICE_IN_DOUBT = 0.025


class Written:
    """Counts what was added to folders since this was made.

    Args:
        folders: Where the trial writes.
        most: Above this nothing needs to be counted any further.
    """

    def __init__(self, folders: Iterable[str], most: Count) -> None:
        self._folders = tuple(folders)
        self._most = most
        walk = Walk(self._folders)
        walk.go_on(math.inf)
        self._before = walk.count
        self._known = Count()
        self._cost = walk.cost
        self._walk: Walk | None = None
        self.begin(Count())

    def begin(self, own: Count) -> None:
        """Start now; `own` was put into the folders since this was made, and what others wrote is of no account."""
        self._before += own
        self._used_before = self._used_then = used(self._folders)
        self._rested_since = time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether a count has been begun and wants to go on."""
        return self._walk is not None

    def look(self, now: float) -> Count:
        """Go on counting if it is time for that; return what the last count found."""
        in_doubt = (self._known + (used(self._folders) - self._used_then)).passes(self._most)
        if self._walk is None and now >= self._rested_since + rest(self._cost, in_doubt=in_doubt):
            self._walk = self._begun()
        if self._walk is not None and self._walk.go_on(_SLICE_IN_DOUBT if in_doubt else _SLICE):
            self._finish(self._walk)
            self._rested_since = now
        return self._known

    def all(self) -> Count:
        """Count everything now."""
        if self._walk is not None:
            self._walk.stop()
        walk = self._begun()
        walk.go_on(math.inf)
        self._finish(walk)
        return self._known

    def grown(self) -> Count:
        """Return by how much the file systems below have grown since `begin`, whoever wrote to them."""
        return used(self._folders) - self._used_before

    def _begun(self) -> Walk:
        self._used_then = used(self._folders)
        return Walk(self._folders, self._before + self._most)

    def _finish(self, walk: Walk) -> None:
        self._walk = None
        self._cost = walk.cost
        self._known = walk.count - self._before
        if not walk.count.complete:
            self._known = self._known.or_more(self.grown())


def rest(cost: float, *, in_doubt: bool) -> float:
    """Return for how many seconds to count nothing after a count that cost so many."""
    return _REST_IN_DOUBT * cost if in_doubt else max(_SHORTEST_REST, _REST * cost)
