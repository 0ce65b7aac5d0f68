"""Changing one table of a TOML text; every other line, with its comments, stays as it is.

The table is written as a block between two comments, at the end, where a header can always stand. A table that
somebody else wrote is found by its headers. Whoever calls compares the parsed text before and after, because a header
may also be meant as a part of a longer string.
"""

import re
import tomllib
from typing import Any

from ..clients.codex import toml
from .errors import EntryError
from .items import Item

EMPTY = ""
_OPEN = "# Added by referee init --client codex; taken away with --remove."
_CLOSE = "# End of what referee added."
_BLOCK = re.compile(rf"(?ms)(?:(?<=\n)\r?\n)?^{re.escape(_OPEN)}\r?$.*?^{re.escape(_CLOSE)}\r?$\n?")
_PLACE = re.compile(r"at line (\d+)")
_HEADER = re.compile(r"(?m)^[ \t]*\[")


def parse(text: str, name: str) -> dict[str, Any]:
    """The table that a file holds; `name` begins the text of a fault.

    Raises:
        EntryError: If it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        found = _PLACE.search(str(fault))
        line = found.group(1) if found else len(text.splitlines())
        said = str(fault).partition(" (at ")[0]
        raise EntryError(f"{name}: line {line}: not valid TOML: {said}. Mend it by hand.") from None
    except RecursionError:
        raise EntryError(f"{name}: nested too deeply.") from None


def put(text: str, item: Item, *, ours: bool = True) -> str:
    """The text with the table, in place of what has its name; one that is not ours stands between no comments."""
    rest = take(text, item.path)
    newline = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not rest else newline if rest.endswith("\n") else newline * 2
    lines = [f"[{'.'.join(item.path)}]", *(f"{name} = {toml(value)}" for name, value in item.value.items())]
    return rest + gap + newline.join([*([_OPEN] if ours else []), *lines, *([_CLOSE] if ours else []), ""])


def take(text: str, path: tuple[str, ...], element: Any = None) -> str:
    """The text without the table of that path, and without the tables below it; lists are not taken apart."""
    del element
    text = _BLOCK.sub("", text)
    names = r"\s*\.\s*".join(rf"[\"']?{re.escape(name)}[\"']?" for name in path)
    own = re.compile(rf"(?m)^[ \t]*\[\s*{names}\s*(?:\.[^\n]*)?\][^\n]*(?:\n|\Z)")
    while header := own.search(text):
        following = _HEADER.search(text, header.end())
        text = text[: header.start()] + text[_own_end(text, header.end(), following.start() if following else None) :]
    return text


def _own_end(text: str, begin: int, following: int | None) -> int:
    """Where a table ends: comments and empty lines before the next header are not its own."""
    lines = text[begin:following].splitlines(keepends=True)
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return begin + len("".join(lines))
