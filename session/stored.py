"""Objects written to a repository that somebody else may tidy up at the same time.

Guarantee: what was written last is written again where it is gone. Git keeps what no ref holds for two weeks, but a
person's `git gc` or `git repack -A` can take an object that was just found to exist, before our ref holds it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .errors import RepositoryError

_TRIES = 5
_SWEPT = "unable to create temporary file: No such file"  # a folder was removed that was empty for a moment
# More than are ever without a ref at a time, but not without bound: a target, or a folder of many files, may be large.
_MOST, _MOST_BYTES, _LEAST = 64, 16_000_000, 8


@dataclass(frozen=True, slots=True)
class _Order:
    """What wrote an object: git's arguments, its standard input, its environment."""

    arguments: tuple[str, ...]
    data: bytes
    env: Mapping[str, str]


class Stored:
    """Writes objects, and remembers the last of them.

    Args:
        run: Runs git with arguments, standard input and environment, and returns the word that it prints.
    """

    def __init__(self, run: Callable[[tuple[str, ...], bytes, Mapping[str, str]], str]) -> None:
        self._run = run
        self._orders: dict[str, _Order] = {}

    def write(self, *arguments: str, data: bytes, env: Mapping[str, str] | None = None) -> str:
        """Have git write an object, and return its id.

        Raises:
            RepositoryError: If git cannot.
        """
        order = _Order(arguments, data, env or {})
        oid = self._written(order)
        self._orders.pop(oid, None)
        self._orders[oid] = order
        while len(self._orders) > _LEAST and (len(self._orders) > _MOST or self._size() > _MOST_BYTES):
            del self._orders[next(iter(self._orders))]
        return oid

    def _size(self) -> int:
        return sum(len(order.data) for order in self._orders.values())

    def again(self, oid: str) -> bool:
        """Write an object again; return whether it is one of the last."""
        order = self._orders.get(oid)
        if order is not None:
            self._written(order)
        return order is not None

    def all_again(self) -> None:
        """Write all of the last objects again, as far as git can: one may need another that stands behind it."""
        for order in [order for order in self._orders.values() if not self._stands(order)]:
            self._stands(order)

    def _stands(self, order: _Order) -> bool:
        try:
            self._written(order)
        except RepositoryError:
            return False
        return True

    def _written(self, order: _Order) -> str:
        for _ in range(_TRIES - 1):
            try:
                return self._run(order.arguments, order.data, order.env)
            except RepositoryError as fault:
                if _SWEPT not in str(fault):
                    raise
        return self._run(order.arguments, order.data, order.env)
