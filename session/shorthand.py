"""The short forms that people write in `program.md`, and the texts that are allowed there.

Every function takes one value and returns its full form, or raises ValueError with a text that goes on from
"found '…', ". A value of another type than the short form's passes as it is. Nothing here touches the file system:
whether a path exists is asked elsewhere.
"""

import math
import posixpath
import re
import shlex
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from .shapes import is_list, is_sequence, is_table

MAX_SECONDS = 365 * 24 * 3600.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DURATION = re.compile(r"(?=\d)(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGT]i?)?B?", re.ASCII)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_LEAST_MEMORY, _MOST_MEMORY = 16_000_000, 10**18
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_COLUMNS = frozenset({"commit", "status", "description", "timestamp"})
_FIXED_VARIABLES = frozenset({"HOME", "TMPDIR"})


def seconds(value: object) -> object:
    """Seconds of `90s`, `10m`, `1h30m`, `1.5h` or a plain number; units in that order, each at most once."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if not found:
        raise ValueError("expected a duration such as 90s, 10m, 1h30m or a number of seconds")
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest


def size(value: object) -> object:
    """Bytes of `20GB`, `512MiB`, `1.5 TB` or a plain number; kB is 1000 bytes, KiB 1024."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if not found:
        raise ValueError("expected a size such as 20GB, 512MiB or a number of bytes")
    unit = (found[2] or "").lower()
    factor = 1024 if unit.endswith("i") else 1000
    return round(Decimal(found[1]) * factor ** _POWERS[unit.removesuffix("i")])


def memory(value: object) -> object:
    """A `size`, or the share of the machine: `80%`, as a number up to 1.0."""
    share = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if share:
        if not 0 < float(share[1]) <= 100:  # noqa: PLR2004 - percent
            raise ValueError("expected a share above 0% and up to 100%")
        return float(share[1]) / 100
    if isinstance(value, float) and not 0 < value <= 1:
        raise ValueError("expected a share such as 80%, a size such as 16GB or a whole number of bytes")
    return size(value)


def enough_memory(value: float) -> float:
    """Refuse what no interpreter starts in."""
    if isinstance(value, int) and not _LEAST_MEMORY <= value <= _MOST_MEMORY:
        raise ValueError("expected at least 16MB of memory")
    return value


def gpus(value: object) -> object:
    """`none`, `all`, or the different numbers of GPUs, smallest first."""
    if isinstance(value, str) and value in {"none", "all"}:
        return value
    listed = list(value) if is_sequence(value) else []
    numbers = {number for number in listed if type(number) is int and number >= 0}
    if not listed or len(numbers) != len(listed):
        raise ValueError("expected none, all or a list of different numbers of GPUs, such as [0, 1]")
    return tuple(sorted(numbers))


def words(value: object) -> object:
    """The words of a command by the quoting rules of a POSIX shell; what only a shell can do is refused."""
    if not isinstance(value, str):
        return value
    for char in _unquoted(value):
        if char in "|><&;$`*?\n\r":
            shown = "a line break" if char in "\n\r" else repr(char)
            raise ValueError(
                f'expected a command without {shown}, because it runs without a shell: use [sh, -c, "..."]'
            )
    try:
        return tuple(shlex.split(value))
    except ValueError:
        raise ValueError("expected a command whose quotes are closed") from None


def _unquoted(text: str) -> Iterator[str]:
    """Characters that a shell would give a meaning to; `$` and backtick keep theirs within double quotes."""
    quote, escaped = "", False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif not quote or (quote == '"' and char in "$`"):
            yield char


def command(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The words themselves, if they can be executed."""
    if not argv or not argv[0]:
        raise ValueError("expected a program and its arguments")
    if _ASSIGNMENT.match(argv[0]):
        raise ValueError("expected a program first: set variables with sandbox.env")
    if any("\0" in word or not _encodable(word) for word in argv):
        raise ValueError("expected words without NUL that are valid Unicode")
    return argv


def pair(value: object) -> object:
    """The list itself, if it has two members."""
    if is_sequence(value) and len(value) != 2:  # noqa: PLR2004 - a pair
        raise ValueError("expected two numbers: [lowest, highest]")
    return value


def plateau(value: object) -> object:
    """The mapping that a number of trials is short for."""
    if isinstance(value, bool | str | float) or is_list(value):
        raise ValueError("expected a number of trials such as 20, or {trials: 20, action: nudge}")
    return {"trials": value} if isinstance(value, int) else value


def names(value: object) -> object:
    """A mapping to None of the names in a list."""
    if is_sequence(value) and all(isinstance(member, str) for member in value):
        return dict.fromkeys(value)
    return value


def target_path(path: str) -> str:
    """The path itself, if it names a file below the project folder in its one normal spelling."""
    plain_text(path)
    if path.startswith(("/", "-", "~")) or path != posixpath.normpath(path) or ".." in path.split("/") or path == ".":
        raise ValueError("expected a relative path such as src/train.py, without '..' and not starting with '-' or '~'")
    if path == "program.md":
        raise ValueError("expected another file: program.md holds the contract")
    if ".git" in (part.lower() for part in path.split("/")):
        raise ValueError("expected a file that git can track, outside .git")
    return path


def artifact_path(path: str) -> str:
    """The path in its one normal spelling, if it lies below the project folder."""
    plain_text(path)
    normal = posixpath.normpath(path)
    if path.startswith(("/", "~", "-")) or ".." in path.split("/") or normal == ".":
        raise ValueError("expected a file or folder inside the project such as out/, without '..'")
    return normal


def plain_data(value: dict[str, Any]) -> dict[str, Any]:
    """The mapping itself, if JSON can hold it: no date, and no number that is not finite."""
    waiting: list[tuple[str, object]] = list(value.items())
    while waiting:
        place, one = waiting.pop()
        members = enumerate(one) if is_list(one) else one.items() if is_table(one) else ()
        waiting += [(f"{place}.{key}", inner) for key, inner in members]
        number = isinstance(one, int | float) and math.isfinite(one)
        if not (one is None or number or isinstance(one, str | list | dict)):
            raise ValueError(f"expected numbers, texts, true, false, null, lists and mappings; {place} is {one}")
    return value


def function_name(name: str) -> str:
    """The text itself, if it is the name of a function, with or without its file before it."""
    if not name.rpartition(":")[2].isidentifier():
        raise ValueError("expected the name of a function such as solve, or train.py:solve")
    return name


def function_place(place: str) -> str:
    """The text itself, if it names a function in a file of the project."""
    file, colon, name = place.partition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise ValueError("expected a file and a function in it, such as evaluator.py:evaluate")
    target_path(file)
    return place


def plain_text(text: str) -> str:
    """The text itself, if it is not empty and has no control characters or lone surrogates."""
    if not text.strip() or not text.isprintable():
        raise ValueError("expected text that is not empty and has no control characters")
    return text


def metric_name(name: str) -> str:
    """The name itself, if it can be a column of `results.tsv`."""
    if name in _COLUMNS:
        raise ValueError(f"expected another name: {name!r} is a column of results.tsv")
    if not _NAME.fullmatch(name):
        raise ValueError("expected a name of at most 64 of A-Z a-z 0-9 _ . - that starts with a letter or _")
    return name


def variable(name: str) -> str:
    """The name itself, if an environment variable may be set under it."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError("expected the name of an environment variable: A-Z a-z 0-9 _, not starting with a digit")
    if name in _FIXED_VARIABLES or name.startswith("REFEREE_"):
        raise ValueError(f"expected another name: the sandbox sets {name}")
    return name


def variable_value(value: str | None) -> str | None:
    """The value itself, if a process can be given it."""
    if value is not None and ("\0" in value or not _encodable(value)):
        raise ValueError("expected text without NUL that is valid Unicode")
    return value


def input_path(path: str) -> str:
    """The path itself, if it cannot stand for the whole project folder or one above it."""
    plain_text(path)
    if all(part == ".." for part in posixpath.normpath(path).split("/")) or posixpath.normpath(path) in {
        ".",
        "/",
        "//",
    }:
        raise ValueError("expected a file or folder beside the frozen files, not one that holds the whole project")
    return path


def cache_path(path: str) -> str:
    """The folder in its one normal spelling, if it lies below the home (`~/`) or the project folder."""
    plain_text(path)
    normal = posixpath.normpath(path)
    inside = not normal.startswith("/") and ".." not in path.split("/") and normal not in {".", "~"}
    if not inside or (normal.startswith("~") and not normal.startswith("~/")):
        raise ValueError("expected a folder such as ~/.triton, or one inside the project such as .jit, without '..'")
    return normal


def holds(folder: str, path: str) -> bool:
    """Whether `folder` is `path` or one of the folders above it, by spelling."""
    above, below = posixpath.normpath(folder), posixpath.normpath(path)
    return below == above or below.startswith(above + "/")


def _encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
