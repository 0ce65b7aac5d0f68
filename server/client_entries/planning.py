"""What would change in one file: its text before and after, and what has to be asked or remembered.

Guarantee: the text after holds what the text before held and the items, or for a removal what it held but for them;
both are parsed and compared, and a file for which that is not so is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import files, items
from .errors import EntryError
from .items import Format, Item
from .record import Added, Record
from .wanted import Wanted


@dataclass(frozen=True, slots=True)
class Change:
    """One file.

    Attributes:
        path: Within the project.
        before: Its text, None if there is no file.
        after: Its text afterwards, None if there is to be no file.
        differing: Names of entries that stand there and are not what was written.
        record: What to remember of it; None to forget it.
    """

    path: str
    before: str | None
    after: str | None
    differing: tuple[str, ...]
    record: Record | None


@dataclass(slots=True)
class _Draft:
    """A text with what it holds, changed together."""

    format: Format
    text: str
    data: dict[str, Any]

    def put(self, item: Item, *, ours: bool = True) -> None:
        self.text, self.data = self.format.put(self.text, item, ours=ours), items.with_item(self.data, item)

    def take(self, path: tuple[str, ...], element: Any = None) -> None:
        self.text, self.data = self.format.take(self.text, path, element), items.without(self.data, path, element)

    def checked(self, path: str) -> str:
        """The text, if it holds what it should.

        Raises:
            EntryError: If it does not.
        """
        by_hand = EntryError(f"{path}: cannot be changed without changing more than Referee's entry. Do it by hand.")
        try:
            same = items.filled(self.format.parse(self.text, path)) == items.filled(self.data)
        except EntryError:
            raise by_hand from None
        if not same:
            raise by_hand
        return self.text


def adding(folder: Path, wanted: Wanted, known: Record | None) -> Change:
    """What adding the items would change.

    Raises:
        RefereeError: If the file cannot be read or changed.
    """
    before = files.read(folder, wanted.path)
    draft = _draft(wanted.format, before, wanted.path)
    if before is None or known is None or not _as_left(draft, known):
        known = Record(before is None, files.missing_folders(folder, wanted.path), ())
    differing: list[str] = []
    added = list(known.added)
    for item in wanted.items:
        items.refuse_misfit(draft.data, item, wanted.path)
        present = items.found(draft.data, item)
        if present == item.value:
            continue
        ours = next((one for one in added if _same_place(one.item, item)), None)
        if present is not None and (ours is None or present != ours.item.value):
            differing.append(item.name)
        fresh = Added(item, items.depth(draft.data, item), present)
        added = [one for one in added if one is not ours] + [replace(ours, item=item) if ours else fresh]
        draft.put(item)
    record = Record(known.made, known.folders, tuple(added))
    return Change(wanted.path, before, draft.checked(wanted.path), tuple(differing), record)


def removing(folder: Path, wanted: Wanted, known: Record | None) -> Change:
    """What taking the items away would change; without a record, entries of our name alone.

    Raises:
        RefereeError: If the file cannot be read or changed.
    """
    before = files.read(folder, wanted.path)
    if before is None:
        return Change(wanted.path, None, None, (), None)
    draft = _draft(wanted.format, before, wanted.path)
    differing: list[str] = []
    for one in reversed(_added(wanted.items, known)):
        items.refuse_misfit(draft.data, one.item, wanted.path)
        present = items.found(draft.data, one.item)
        if present is None:
            continue
        if known and present != one.item.value:
            differing.append(one.item.name)
        _take(draft, one)
    text = draft.checked(wanted.path)
    gone = known is not None and known.made and text.strip() in {"", "{}"}
    return Change(wanted.path, before, None if gone else text, tuple(differing), None)


def _draft(form: Format, before: str | None, path: str) -> _Draft:
    text = form.EMPTY if before is None or not before.strip() else before
    return _Draft(form, text, form.parse(text, path))


def _as_left(draft: _Draft, known: Record) -> bool:
    """Whether the file still holds what was added; another one may stand in its place by now."""
    return all(items.found(draft.data, one.item) == one.item.value for one in known.added)


def _added(wanted: Sequence[Item], known: Record | None) -> Sequence[Added]:
    return known.added if known else [Added(item, len(item.path)) for item in wanted]


def _take(draft: _Draft, one: Added) -> None:
    item = one.item
    if one.before is not None:
        draft.put(replace(item, value=one.before), ours=False)
        return
    draft.take(item.path, item.value if item.listed else None)
    for size in range(len(item.path) - (not item.listed), one.depth, -1):
        if items.empty(draft.data, item.path[:size]):
            draft.take(item.path[:size])


def _same_place(one: Item, other: Item) -> bool:
    return one.path == other.path and one.listed == other.listed and (not one.listed or one.value == other.value)
