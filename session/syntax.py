"""A syntax check for the file types that Referee knows; it warns, never refuses, and executes nothing.

Python, JSON, TOML and YAML by their file name's ending. An empty answer means: fine, not known, or too long or too
deeply nested to be checked at the price of a call.
Edge: Python is checked by the grammar of the interpreter that runs Referee, which may not be the project's.
"""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from .wording import clean

MAX_NESTING = 100
MAX_DOTS = 50
_CUT = 160


def check_syntax(path: str, text: str) -> str:
    """One line such as `line 3: invalid syntax`, or an empty string if nothing is found to be wrong."""
    most, check = _CHECKS.get(PurePosixPath(path).suffix.lower(), (-1, _json))
    if len(text) > most or _nesting(text) > MAX_NESTING:
        return ""
    try:
        return check(text.removeprefix("\ufeff"))
    except (RecursionError, MemoryError):
        return ""


def _python(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as fault:
        return _at(fault.lineno, fault.msg)
    except ValueError as fault:
        return _at(None, str(fault))
    return ""


def _json(text: str) -> str:
    try:
        json.loads(text, parse_int=str)
    except json.JSONDecodeError as fault:
        return _at(fault.lineno, fault.msg)
    return ""


def _toml(text: str) -> str:
    """Dotted keys are bounded, because `tomllib` takes memory by the square of their parts."""
    if any(line.count(".") > MAX_DOTS for line in text.splitlines()):
        return ""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        return clean(str(fault), _CUT)
    except ValueError as fault:
        return _at(None, str(fault))
    return ""


def _yaml(text: str) -> str:
    """Events only: nothing is built, so aliases stay folded and tags mean nothing."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - start-up time counts, and few targets are YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415 - likewise

    yaml: Any = YAML(typ="safe", pure=True)
    try:
        for _ in yaml.parse(text):
            pass
    except MarkedYAMLError as fault:
        said: Any = fault
        line: int | None = said.problem_mark.line + 1 if said.problem_mark else None
        return _at(line, str(said.problem or said.context))
    except (YAMLError, ValueError) as fault:
        return _at(None, str(fault))
    return ""


def _nesting(text: str) -> int:
    """The most brackets ever open at once, wherever they stand."""
    depth = deepest = 0
    for char in text:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
    return deepest


def _at(line: int | None, message: str) -> str:
    return clean(f"line {line}: {message}" if line else message, _CUT)


_CHECKS: Mapping[str, tuple[int, Callable[[str], str]]] = {
    ".py": (300_000, _python),
    ".json": (1_000_000, _json),
    ".toml": (100_000, _toml),
    ".yaml": (50_000, _yaml),
    ".yml": (50_000, _yaml),
}
"""By ending: the most characters that are checked, so that an answer takes about a second at worst; and the check."""
