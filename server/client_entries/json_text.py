"""Changing one value of a JSON text; every other character stays as it is.

The functions expect a text that `parse` has accepted, and a path whose containers are what the value needs.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from ...session.shapes import is_table
from ...session.wording import clean
from .errors import EntryError
from .items import Item

EMPTY = "{}\n"
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = re.compile(r"\n([ \t]+)\"")


@dataclass(frozen=True, slots=True)
class _Part:
    """A member of an object or an element of a list: its key (an element's own value), and where it lies."""

    key: Any
    begin: int
    value: int
    end: int


def parse(text: str, name: str) -> dict[str, Any]:
    """The object that a file holds; `name` begins the text of a fault.

    Raises:
        EntryError: If it is no JSON, no object, or holds a key twice.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            twice = next(key for key in table if sum(key == other for other, _ in pairs) > 1)
            raise EntryError(f"{name}: the key '{clean(twice)}' stands twice in one object. Mend it by hand.")
        return table

    try:
        data: object = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as fault:
        raise EntryError(f"{name}: line {fault.lineno}: not valid JSON: {fault.msg}. Mend it by hand.") from None
    except RecursionError:
        raise EntryError(f"{name}: nested too deeply.") from None
    if not is_table(data):
        raise EntryError(f"{name}: line 1: expected an object {{...}} at the top. Mend it by hand.")
    return data


def put(text: str, item: Item, *, ours: bool = True) -> str:
    """The text with the item, in place of what stands there, else behind its neighbours; whose it is stays unsaid."""
    del ours
    at = _skip(text, 0)
    for size, key in enumerate(item.path, start=1):
        part = _named(text, at, key)
        if part is None:
            return _insert(text, at, key, _nested(item.path[size:], item))
        if size == len(item.path) and not item.listed:
            return text[: part.value] + _shown(text, item.value, _lead(text, part.begin)) + text[part.end :]
        at = part.value
    return _insert(text, at, None, item.value)


def take(text: str, path: tuple[str, ...], element: Any = None) -> str:
    """The text without what stands at the path, or without one element of the list there; both must be there."""
    at = _skip(text, 0)
    for key in path[:-1] if element is None else path:
        at = _must(text, at, key).value
    part = _must(text, at, path[-1] if element is None else element)
    parts, close = _parts(text, at)
    index = parts.index(part)
    if len(parts) == 1:
        return text[: at + 1] + text[close:]
    if index:
        return text[: parts[index - 1].end] + text[part.end :]
    return text[: part.begin] + text[parts[1].begin :]


def _insert(text: str, at: int, key: str | None, value: Any) -> str:
    parts, close = _parts(text, at)
    name = "" if key is None else f"{json.dumps(key)}: "
    if parts and "\n" not in text[at : parts[0].begin]:
        end = parts[-1].end
        return f"{text[:end]}, {name}{json.dumps(value, ensure_ascii=False)}{text[end:]}"
    newline = _newline(text)
    if parts:
        lead, end = _lead(text, parts[0].begin), parts[-1].end
        return f"{text[:end]},{newline}{lead}{name}{_shown(text, value, lead)}{text[end:]}"
    outer = _lead(text, at)
    lead = outer + _unit(text)
    inner = f"{newline}{lead}{name}{_shown(text, value, lead)}{newline}{outer}"
    return text[: at + 1] + inner + text[close:]


def _nested(path: tuple[str, ...], item: Item) -> Any:
    value = [item.value] if item.listed else item.value
    for key in reversed(path):
        value = {key: value}
    return value


def _shown(text: str, value: Any, lead: str) -> str:
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text)).split("\n")
    return (_newline(text) + lead).join(lines)


def _must(text: str, at: int, key: Any) -> _Part:
    part = _named(text, at, key)
    if part is None:
        raise KeyError(key)
    return part


def _named(text: str, at: int, key: Any) -> _Part | None:
    return next((part for part in _parts(text, at)[0] if part.key == key), None)


def _parts(text: str, at: int) -> tuple[list[_Part], int]:
    """What the container that begins at `at` holds, and where it closes."""
    closing = "}" if text[at] == "{" else "]"
    parts: list[_Part] = []
    place = _skip(text, at + 1)
    while text[place] != closing:
        begin, key = place, None
        if closing == "}":
            key, place = _DECODER.raw_decode(text, place)
            place = _skip(text, _skip(text, place) + 1)
        value = place
        content, place = _DECODER.raw_decode(text, place)
        parts.append(_Part(key if closing == "}" else content, begin, value, place))
        place = _skip(text, place)
        if text[place] == ",":
            place = _skip(text, place + 1)
    return parts, place


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _lead(text: str, place: int) -> str:
    """The indentation of the line in which something lies."""
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    found = _INDENT.search(text)
    return found.group(1) if found else "  "


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
