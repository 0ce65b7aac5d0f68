"""The short forms that people write in `program.md`, and the texts that are allowed there.

Every function takes one value and returns its full form, or raises ValueError with a text that goes on from
"found '…', ". A value of another type than the short form's passes as it is. Nothing here touches the file system:
whether a path exists is asked elsewhere.
"""

import posixpath
import re
import shlex
from collections.abc import Iterator

from .shapes import is_sequence

MAX_SECONDS = 365 * 24 * 3600.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DURATION = re.compile(r"(?=\d)(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_COLUMNS = frozenset({"commit", "status", "description", "timestamp"})
_SUPERVISED = frozenset({"wall_seconds", "cpu_seconds", "peak_memory_gb"})
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


def plain_text(text: str) -> str:
    """The text itself, if it is not empty and has no control characters or lone surrogates."""
    if not text.strip() or not text.isprintable():
        raise ValueError("expected text that is not empty and has no control characters")
    return text


def metric_name(name: str) -> str:
    """The name itself, if it can be a column of `results.tsv`."""
    if name in _SUPERVISED:
        raise ValueError("not supported yet")
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


def holds(folder: str, path: str) -> bool:
    """Whether `folder` is `path` or one of the folders above it, by spelling."""
    normal = posixpath.normpath(folder)
    return path == normal or path.startswith(normal + "/")


def _encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
