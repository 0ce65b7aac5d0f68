"""What a client's file must hold: one value under a path of keys, or one element of the list there."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ...session.shapes import is_list, is_table
from .errors import EntryError

Data = Mapping[str, Any]
_ABSENT = object()


class Format(Protocol):
    """How the text of a file is read and changed."""

    @property
    def EMPTY(self) -> str:  # noqa: N802 - a module's constant
        """The text of a file that holds nothing."""
        ...

    def parse(self, text: str, name: str) -> dict[str, Any]:
        """What it holds.

        Raises:
            EntryError: If it is not valid; `name` begins its text.
        """
        ...

    def put(self, text: str, item: "Item", *, ours: bool = True) -> str:
        """The text with the item; `ours` says that Referee adds it, not that it puts back what stood there."""
        ...

    def take(self, text: str, path: tuple[str, ...], element: Any = None) -> str:
        """The text without what stands at the path, or without one element of the list there."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a file.

    Attributes:
        path: Keys from the top of the file.
        value: What stands there, or, if `listed`, one element of the list that stands there.
    """

    path: tuple[str, ...]
    value: Any
    listed: bool = False

    @property
    def name(self) -> str:
        """In words, for people."""
        return ".".join(self.path)


def found(data: Data, item: Item) -> Any:
    """The value that stands where the item belongs, None if there is none; an element counts where it is listed."""
    value = _at(data, item.path)
    if value is _ABSENT:
        return None
    if item.listed:
        return item.value if item.value in value else None
    return value


def depth(data: Data, item: Item) -> int:
    """How many keys of the item's path exist."""
    return next((n for n in range(len(item.path)) if _at(data, item.path[: n + 1]) is _ABSENT), len(item.path))


def empty(data: Data, path: tuple[str, ...]) -> bool:
    """Whether a table or list without anything in it stands there."""
    value = _at(data, path)
    return (is_table(value) or is_list(value)) and not value


def refuse_misfit(data: Data, item: Item, name: str) -> None:
    """Make sure that the item has a place.

    Raises:
        EntryError: If something else stands where a table or a list is needed.
    """
    for size in range(len(item.path)):
        holder = _at(data, item.path[:size])
        if holder is not _ABSENT and not is_table(holder):
            raise EntryError(f"{name}: {'.'.join(item.path[:size])}: expected a table of keys. Mend it by hand.")
    if item.listed and not is_list(_at(data, item.path)) and _at(data, item.path) is not _ABSENT:
        raise EntryError(f"{name}: {item.name}: expected a list. Mend it by hand.")


def with_item(data: Data, item: Item) -> dict[str, Any]:
    """The same data with the item in it."""
    result: dict[str, Any] = copy.deepcopy(dict(data))
    table = result
    for key in item.path[:-1]:
        table = table.setdefault(key, {})
    last = item.path[-1]
    table[last] = [*table.get(last, []), item.value] if item.listed else item.value
    return result


def without(data: Data, path: tuple[str, ...], element: Any = None) -> dict[str, Any]:
    """The same data without what stands at the path, or without one element of the list there."""
    result: dict[str, Any] = copy.deepcopy(dict(data))
    table = result
    for key in path[:-1]:
        table = table[key]
    if element is None:
        del table[path[-1]]
    else:
        table[path[-1]].remove(element)
    return result


def filled(value: Any) -> Any:
    """The same without empty tables, which a TOML file has without naming them."""
    if not is_table(value):
        return value
    return {key: inner for key, old in value.items() if (inner := filled(old)) != {}}


def _at(data: Data, path: tuple[str, ...]) -> Any:
    value: Any = data
    for key in path:
        if not is_table(value) or key not in value:
            return _ABSENT
        value = value[key]
    return value
