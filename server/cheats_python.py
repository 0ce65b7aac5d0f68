"""Cheating targets in Python and shell, made from the honest text: code before it, after it, or in place of it."""

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

When = Literal["first", "last", "at exit"]
Function = ast.FunctionDef | ast.AsyncFunctionDef

_END = "REFEREE_PROBE"
_NAME = "_referee_probe"


@dataclass(frozen=True, slots=True)
class Payload:
    """What a cheat does.

    Attributes:
        code: Body of a Python function of `P`, the facts, and `G`, the target's globals; standard library only.
        when: Before the honest work, after it, or when the process ends.
        leaves: Whether the process ends there with exit code 0.
    """

    code: str
    when: When
    leaves: bool = False

    def source(self, facts: dict[str, Any]) -> str:
        """The payload as Python that calls itself."""
        body = f"import os\n{self.code.strip()}\n" + ("os._exit(0)\n" if self.leaves else "")
        defined = f"def {_NAME}(P, G):\n{textwrap.indent(body, '    ')}"
        if self.when == "at exit":
            return f"import atexit\n{defined}atexit.register({_NAME}, {facts!r}, globals())\n"
        return f"{defined}{_NAME}({facts!r}, globals())\n"


def in_python(text: str, payload: Payload, facts: dict[str, Any]) -> str:
    """The honest target with a payload in it."""
    source = payload.source(facts)
    return f"{text}\n{source}" if payload.when == "last" else _before(text, source)


def in_shell(text: str, payload: Payload, facts: dict[str, Any]) -> str:
    """Likewise for a shell script; the payload runs in a `python3` of its own."""
    source = Payload(payload.code, "first").source(facts)
    call = f"python3 - <<'{_END}'\n{source}{_END}\n"
    if payload.when == "first":
        return f"{call}{'exit 0' if payload.leaves else ''}\n{text}"
    return f"(\n{text}\n)\n{_END}_CODE=$?\n{call}exit {'0' if payload.leaves else f'${_END}_CODE'}\n"


def constant(text: str, answer: str, before: str = "") -> str | None:
    """The target with every function but `main` returning one expression; None where it has no function.

    Methods are taken where there are no functions at the top.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    functions = [one for one in _functions(tree.body) if one.name not in {"main", "_main"}]
    functions = functions or [one for node in tree.body if isinstance(node, ast.ClassDef) for one in _methods(node)]
    if not functions:
        return None
    for function in functions:
        function.body = [ast.Return(ast.parse(answer, mode="eval").body)]
    return _before(ast.unparse(ast.fix_missing_locations(tree)), before) + "\n"


def _functions(body: list[ast.stmt]) -> Iterator[Function]:
    return (node for node in body if isinstance(node, Function))


def _methods(node: ast.ClassDef) -> Iterator[Function]:
    return (one for one in _functions(node.body) if not one.name.startswith("__"))


def _before(text: str, source: str) -> str:
    """Code before everything that does something; what Python wants to come first stays first."""
    lines = text.removeprefix("\ufeff").split("\n")
    line = _beginning(text)
    return "\n".join([*lines[:line], source, *lines[line:]])


def _beginning(text: str) -> int:
    """How many lines belong to the docstring and to `from __future__`."""
    try:
        body = ast.parse(text.removeprefix("\ufeff")).body
    except (SyntaxError, ValueError):
        return 0
    line = 0
    for index, node in enumerate(body):
        docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        line = node.end_lineno or line
    return line
