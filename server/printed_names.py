"""Names of metrics that a Python source prints, read from its syntax tree; nothing is executed.

A name counts where a print call writes it at the start of a line, followed by a value and nothing else: `name: value`,
`METRIC name=value`, or the keys of a printed `json.dumps({...})`. A shell script is read for the same, line by line.
"""

import ast
import re
from collections.abc import Iterator

from .named_numbers import names_of
from .python_source import parsed

_VALUE = "\0"
_DEPTH = 200
_NAME = "[A-Za-z_][A-Za-z0-9_.-]*"
_LINE = re.compile(rf"^(?:(?P<plain>{_NAME})[ \t]*:|METRIC (?P<metric>{_NAME})=)\s*\0\s*$", re.MULTILINE)
_PERCENT = re.compile(r"%[-+ #0]*[0-9.]*[a-zA-Z]")
_BRACES = re.compile(r"\{[^{}]*\}")
_SHELL = re.compile(
    rf"""\\?"({_NAME})\\?"\s*:\s*(?=[-$%0-9])|METRIC ({_NAME})=|(?:echo|printf) ["']?({_NAME}) ?: *[$%]"""
)


def printed_names(source: str) -> list[str]:
    """The names in the order of the source, each once; none if it is not valid Python."""
    tree = parsed(source)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_print(node))
    ordered = sorted(calls, key=lambda call: (call.lineno, call.col_offset))
    return list(dict.fromkeys(name for call in ordered for name in _names(call, tree)))


def dumped_names(source: str) -> list[str]:
    """The keys of what is written as JSON anywhere, to a file or as a text; each once."""
    tree = parsed(source)
    dumped = (argument for node in ast.walk(tree) for argument in _dumped(node, ("dump", "dumps")))
    return list(dict.fromkeys(name for argument in dumped for name in names_of(argument, tree)))


def shell_names(source: str) -> list[str]:
    """The names that a shell script writes before values, as JSON or in lines; each once."""
    lines = (line for line in source.splitlines() if not line.lstrip().startswith("#"))
    return list(dict.fromkeys("".join(found) for line in lines for found in _SHELL.findall(line)))


def _is_print(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id="print") | ast.Attribute(value=ast.Attribute(attr="stdout"), attr="write"):
            return True
        case ast.Attribute(attr="dump"):
            return len(call.args) > 1 and isinstance(call.args[1], ast.Attribute) and call.args[1].attr == "stdout"
        case _:
            return False


def _names(call: ast.Call, tree: ast.Module) -> Iterator[str]:
    for part in (call, *call.args):
        for argument in _dumped(part, ("dump", "dumps") if part is call else ("dumps",)):
            yield from names_of(argument, tree)
    for found in _LINE.finditer(" ".join(_text(argument) for argument in call.args)):
        yield found["plain"] or found["metric"]


def _dumped(node: ast.AST, names: tuple[str, ...]) -> list[ast.expr]:
    """What is turned into JSON by this call."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
        return node.args[:1]
    return []


def _text(node: ast.expr, depth: int = _DEPTH) -> str:
    """What an expression prints, with a mark for every value that is known only when it runs."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return _PERCENT.sub(_VALUE, text)
        case ast.BinOp(left=left, op=ast.Add(), right=right) if depth:
            return _text(left, depth - 1) + _text(right, depth - 1)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _BRACES.sub(_VALUE, text)
        case _:
            return _VALUE
