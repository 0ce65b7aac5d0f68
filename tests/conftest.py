"""What every test gets: a home and a state folder of its own, real repositories, and clients of a real server."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

PROGRAM = """\
---
target: run.sh
evaluate: {command: sh run.sh, timeout: 20s}
metrics: {loss: minimize}
---
Make the loss small.
"""
TARGET = "echo loss: 3\n# a comment\n"


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the person's home, git configuration or Referee state."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("REFEREE_STATE_DIR", str(home / "state"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)


def git(folder: Path, *arguments: str) -> str:
    """Run git as a person with no configuration would."""
    identity = ["-c", "user.name=Person", "-c", "user.email=person@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.strip()


@pytest.fixture(name="git")
def _git() -> Callable[..., str]:
    """The person's git."""
    return git


MakeProject = Callable[..., Path]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Make a committed project from file names and texts; `program.md` and the target have defaults."""

    def make(files: dict[str, str] | None = None, name: str = "project") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for path, text in ({"program.md": PROGRAM, "run.sh": TARGET} | (files or {})).items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(dedent(text), encoding="utf-8")
        git(folder, "init", "--quiet")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "The project")
        return folder

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Path:
    """A project whose target is a shell script that prints its own loss: 3."""
    return make_project()


@pytest.fixture
def anyio_backend() -> Iterator[str]:
    """Asynchronous tests run on asyncio, as the server does."""
    yield "asyncio"
