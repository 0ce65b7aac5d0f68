"""Names of metrics that a Python source prints, read from its syntax tree; nothing is executed.

A name counts where a print call writes it at the start of a line, followed by a value and nothing else: `name: value`,
`METRIC name=value`, or the keys of a printed `json.dumps({...})`.
"""

import ast
import re
import warnings
from collections.abc import Iterator

_VALUE = "\0"
_NAME = "[A-Za-z_][A-Za-z0-9_.-]*"
_LINE = re.compile(rf"^(?:(?P<plain>{_NAME})[ \t]*:|METRIC (?P<metric>{_NAME})=)\s*\0\s*$", re.MULTILINE)
_PERCENT = re.compile(r"%[-+ #0]*[0-9.]*[a-zA-Z]")
_BRACES = re.compile(r"\{[^{}]*\}")


def printed_names(source: str) -> list[str]:
    """The names in the order of the source, each once; none if it is not valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_print(node))
    ordered = sorted(calls, key=lambda call: (call.lineno, call.col_offset))
    return list(dict.fromkeys(name for call in ordered for name in _names(call)))


def _is_print(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "print"


def _names(call: ast.Call) -> Iterator[str]:
    for argument in call.args:
        yield from _keys(argument)
    for found in _LINE.finditer(" ".join(_text(argument) for argument in call.args)):
        yield found["plain"] or found["metric"]


def _keys(node: ast.expr) -> Iterator[str]:
    """The keys of a dictionary that is printed as JSON."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "dumps":
        for key in (key for table in node.args[:1] if isinstance(table, ast.Dict) for key in table.keys):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value


def _text(node: ast.expr) -> str:
    """What an expression prints, with a mark for every value that is known only when it runs."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return _PERCENT.sub(_VALUE, text)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _BRACES.sub(_VALUE, text)
        case _:
            return _VALUE
