"""What the pages tell a person to type: every command and flag exists, and the pages of clients run as they stand.

Not covered: what a client's own program does with what is written; see `tests/clients`.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from referee.server.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "clients").glob("*.md"))]
CLIENT_PAGES = [page for page in PAGES if page.parent.name == "clients"]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(referee [a-z][^`\n]*)`")
_NEEDS_A_CLIENT = {"agent", "overnight"}


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [text for kind, text in _BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def lines(page: Path) -> list[list[str]]:
    """The words of what a person types in a terminal."""
    typed = [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line, comments=True) for line in typed]


def commands(page: Path) -> Iterator[list[str]]:
    """Every `referee` command of a page, in blocks and in sentences."""
    yield from (words for words in lines(page) if words[0] == "referee")
    for text in _INLINE.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        yield text.split()


def flags(command: str) -> set[str]:
    """The flags that a command takes."""
    parser = argparse.ArgumentParser()
    import_module(f"referee.server.commands.{COMMANDS[command].module}").add_arguments(parser)
    return set(parser._option_string_actions)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_and_flag_that_a_page_names_exists(page: Path) -> None:
    for words in commands(page):
        own = words[: words.index("--")] if "--" in words else words
        assert own[1] in COMMANDS, words
        given = {word.partition("=")[0].rstrip(",.;)") for word in own[2:] if word.startswith("--")}
        assert given <= flags(own[1]), words


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert all((page.parent / link).exists() for link in links), links


@pytest.mark.parametrize("page", CLIENT_PAGES, ids=named)
def test_what_a_page_of_clients_says_runs_as_it_stands_and_leaves_nothing(page: Path, project: Path) -> None:
    before = {path for path in project.rglob("*") if ".git" not in path.parts}
    run = [words for words in lines(page) if words[0] == "referee" and words[1] not in _NEEDS_A_CLIENT]
    assert run
    for words in run:
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert {path for path in project.rglob("*") if ".git" not in path.parts} == before


@pytest.mark.parametrize(
    ("client", "file", "page", "language", "read"),
    [
        ("claude", ".mcp.json", "claude-code.md", "json", json.loads),
        ("codex", ".codex/config.toml", "codex.md", "toml", tomllib.loads),
        ("generic", "mcp.json", "other.md", "json", json.loads),
    ],
)
def test_the_entry_that_a_page_shows_is_the_one_that_is_written(
    project: Path, client: str, file: str, page: str, language: str, read: Callable[[str], dict[str, object]]
) -> None:
    into = ["--into", file] if client == "generic" else []
    words = ["-m", "referee", "init", "--client", client, "--portable", *into]
    subprocess.run([sys.executable, *words], cwd=project, check=True, capture_output=True)
    written = read((project / file).read_text(encoding="utf-8"))
    (shown,) = [read(text) for text in blocks(ROOT / "docs" / "clients" / page, language)]
    assert _without_variables(shown) == _without_variables(written)


def _without_variables(found: dict[str, object]) -> str:
    return re.sub(r'"env_vars": \[[^\]]*\], ', "", json.dumps(found))
