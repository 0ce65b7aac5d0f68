"""Every test that a page names exists, and every row of what people suffer from elsewhere names one and says where.

Not covered: whether the linked threads are still there, which a test without a network cannot know.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HEADING = "## What people suffer from elsewhere\n"
_TEST = re.compile(r"`(?:tests/)?([\w/]+\.py)::(\w+)`")
_LINK = re.compile(r"\[(?:[\w-]+#(\d+)|changelog|MCP)\]\((https://[\w./-]+)\)")


def names_in(file: Path) -> set[str]:
    """The names of the test functions of a file, without running it."""
    tree = ast.parse(file.read_bytes()) if file.is_file() else ast.Module([], [])
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def missing(text: str) -> list[str]:
    """The tests that a text names and that do not exist."""
    return [f"{file}::{name}" for file, name in _TEST.findall(text) if name not in names_in(ROOT / "tests" / file)]


def table() -> list[list[str]]:
    """The rows of the table, cell by cell, without its head."""
    section = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    assert missing(page.read_text(encoding="utf-8")) == []


def test_a_test_that_does_not_exist_is_noticed() -> None:
    """The search above can fail: another name, another file, and what is no test."""
    here = f"`{Path(__file__).name}::test_a_test_that_does_not_exist_is_noticed`"
    others = ["test_docs_reliability.py::test_another", "test_nowhere.py::test_a", "test_docs_reliability.py::table"]
    assert missing(" ".join([here, *(f"`{other}`" for other in others)])) == others


def test_every_row_says_where_it_was_met_and_which_test_shows_what_is_done() -> None:
    rows = table()
    assert len(rows) > 1
    for theme, met, does, shown in rows:
        assert theme
        assert does
        found = _LINK.findall(met)
        assert found, met
        assert len(found) == met.count("](")
        assert all(link.endswith(f"/{number}") for number, link in found if number), met
        assert _TEST.findall(shown), shown
        assert _TEST.sub("", shown).replace("<br>", "") == ""
