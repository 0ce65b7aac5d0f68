"""A Python source as a syntax tree; nothing is executed."""

import ast
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeGuard

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument that a function takes."""

    name: str
    required: bool


@lru_cache(maxsize=512)
def parsed(source: str) -> ast.Module:
    """The tree; an empty one if it is not valid Python, or nested too deeply to be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def functions(tree: ast.Module) -> dict[str, Function]:
    """The functions of the module itself, by name."""
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def parameters(function: Function) -> list[Parameter]:
    """What a function takes by name, in order."""
    given = function.args
    ordered = [*given.posonlyargs, *given.args]
    optional = len(ordered) - len(given.defaults)
    found = [Parameter(node.arg, index < optional) for index, node in enumerate(ordered)]
    keyed = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return found + [Parameter(node.arg, default is None) for node, default in keyed]


def literal(node: ast.expr) -> object:
    """The value of a literal.

    Raises:
        ValueError: If it is none.
    """
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ValueError("not a literal") from None
    return value


def texts(tree: ast.Module) -> set[str]:
    """Every text that stands in the source as a literal."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def called(tree: ast.Module) -> set[str]:
    """The last names of everything that is called."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {node.attr if isinstance(node, ast.Attribute) else node.id for node in calls if _is_named(node)}


def _is_named(node: ast.expr) -> TypeGuard[ast.Attribute | ast.Name]:
    return isinstance(node, ast.Attribute | ast.Name)
