"""The table of promises and the tests that carry the marker say the same."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .promises import PROMISES

HERE = Path(__file__).parent


def _marked(path: Path) -> Iterator[tuple[str, str]]:
    """(promise, test) for every test of a file that carries the marker."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.promise":
                    name: Any = ast.literal_eval(decorator.args[0])
                    yield str(name), f"{path.relative_to(HERE).as_posix()}::{node.name}"


def test_every_promise_names_its_tests_and_every_marked_test_is_named() -> None:
    marked = {pair for path in HERE.rglob("test_*.py") for pair in _marked(path)}
    named = {(name, test) for name, promise in PROMISES.items() for test in promise.tests}
    assert marked == named


@pytest.mark.parametrize("name", PROMISES)
def test_the_readme_of_security_speaks_of_every_promise(name: str) -> None:
    assert f"| **{name}** |" in (HERE.parent / "SECURITY.md").read_text(encoding="utf-8")
