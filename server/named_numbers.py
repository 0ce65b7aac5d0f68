"""Names of numbers in the dictionaries that a Python source returns or writes, read from its syntax tree.

A key counts where it is a literal and its value may be a number; those of a dictionary within are named with dots.
"""

import ast
from collections.abc import Iterator

from .python_source import functions

_DEPTH = 4
_NO_NUMBERS = (ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.Compare)


def returned_names(tree: ast.Module, function: str) -> list[str]:
    """The names in what a function of the module returns, each once, in order."""
    return list(dict.fromkeys(_Tracing(tree).returned(function, _DEPTH)))


def names_of(expression: ast.expr, tree: ast.Module) -> Iterator[str]:
    """The names in the dictionary that an expression stands for, as far as the module tells."""
    return _Tracing(tree).names(expression, tree, _DEPTH)


class _Tracing:
    """One way from an expression to literal dictionaries; each variable and function on it is looked at once."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._functions = functions(tree)
        self._seen: set[tuple[ast.AST, str]] = set()

    def names(self, expression: ast.expr, scope: ast.AST, depth: int) -> Iterator[str]:
        if depth == 0:
            return
        match expression:
            case ast.Dict():
                yield from keys(expression)
            case ast.Name(id=name) if self._is_new(scope, name):
                yield from self._assigned(name, scope, depth - 1)
            case ast.Await(value=value):
                yield from self.names(value, scope, depth - 1)
            case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                yield from self.returned(name, depth - 1)
            case ast.Call(args=args, keywords=keywords):
                named = [keyword.value for keyword in keywords if keyword.arg == "metrics"]
                for part in (*args[:1], *named):
                    yield from self.names(part, scope, depth - 1)
            case _:
                pass

    def returned(self, function: str, depth: int) -> Iterator[str]:
        scope = self._functions[function]
        if not self._is_new(scope, ""):
            return
        found = [node.value for node in ast.walk(scope) if isinstance(node, ast.Return) and node.value is not None]
        for value in sorted(found, key=lambda value: value.lineno):
            yield from self.names(value, scope, depth)

    def _assigned(self, name: str, scope: ast.AST, depth: int) -> Iterator[str]:
        for node in ast.walk(scope):
            match node:
                case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                    yield from self.names(value, scope, depth)
                case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                    yield from self.names(value, scope, depth)
                case ast.Assign(
                    targets=[ast.Subscript(value=ast.Name(id=found), slice=ast.Constant(value=str(key)))], value=value
                ) if found == name and _may_be_number(value):
                    yield key
                case _:
                    pass

    def _is_new(self, scope: ast.AST, name: str) -> bool:
        new = (scope, name) not in self._seen
        self._seen.add((scope, name))
        return new


def keys(table: ast.Dict, prefix: str = "") -> Iterator[str]:
    """The names in a literal dictionary."""
    for key, value in zip(table.keys, table.values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            continue
        if isinstance(value, ast.Dict):
            yield from keys(value, f"{prefix}{key.value}.")
        elif _may_be_number(value):
            yield prefix + key.value


def _may_be_number(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=found):
            return type(found) in {int, float}
        case ast.Call(func=ast.Name(id="str" | "repr" | "list" | "dict" | "bool")):
            return False
        case _:
            return not isinstance(value, _NO_NUMBERS)
