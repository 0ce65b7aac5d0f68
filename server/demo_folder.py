"""The folder of `referee demo`: the embedded example as a repository of its own, with the state in a folder beside it.

Guarantee: only a folder that carries this module's mark is ever deleted, and no link is followed to one. Nothing of the
person's git configuration runs; nothing outside the two folders is written.
"""

import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

from ..sandbox.probe import interpreter
from ..sandbox.scratch import reachable
from ..session.errors import RepositoryError
from ..session.places import PROGRAM

SCRIPT = "script.json"
_MARK = "made-by-referee-demo"
_COMMAND = "python3 evaluate.py"
_MOMENT = "2026-01-01T00:00:00Z"  # the base commit has the same id every time


def state_of(folder: Path) -> Path:
    """Where the demo's state lies: `.demo-state` for `.demo`, because state inside the repository is refused."""
    return folder.with_name(f"{folder.name}-state")


def make(folder: Path, *, confined: bool, keep: bool) -> None:
    """Put a fresh demo repository with one commit at `folder`; an earlier demo there is deleted unless `keep`.

    Raises:
        RepositoryError: If something else is there, or `keep` and an earlier demo is, or git fails.
    """
    for place, mark in ((folder, _mark(folder)), (state_of(folder), state_of(folder) / _MARK)):
        _clear(place, mark, keep=keep)
    folder.mkdir(parents=True, exist_ok=True)
    state_of(folder).mkdir()
    (state_of(folder) / _MARK).touch()
    for source in sorted(files("referee").joinpath("examples/demo").iterdir(), key=lambda item: item.name):
        if source.is_file():
            (folder / source.name).write_bytes(source.read_bytes())
    program = folder / PROGRAM
    program.write_text(_adapted(program.read_text(encoding="utf-8"), confined=confined), encoding="utf-8")
    _commit(folder)


def _mark(folder: Path) -> Path:
    return folder / ".git" / _MARK


def _clear(folder: Path, mark: Path, *, keep: bool) -> None:
    if not os.path.lexists(folder) or (folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())):
        return
    if folder.is_symlink() or not mark.is_file():
        raise RepositoryError(f"{folder}: exists and was not made by referee demo. Name another folder with --dir.")
    if keep:
        raise RepositoryError(f"{folder}: holds an earlier demo, and --keep keeps it. Name another folder with --dir.")
    shutil.rmtree(folder)


def _adapted(text: str, *, confined: bool) -> str:
    """The program for this machine: a Python that a trial can start, and no confinement asked for where none is."""
    command = _COMMAND if _python_serves() else f"{interpreter()[0]} evaluate.py"
    text = text.replace(_COMMAND, command, 1)
    return text if confined else text.replace("\n---\n", "\nsandbox: {minimum: none}\n---\n", 1)


def _python_serves() -> bool:
    found = shutil.which("python3")
    return found is not None and (os.geteuid() != 0 or reachable(os.path.realpath(found)))


def _commit(folder: Path) -> None:
    _git(folder, "init", "--quiet", "--template=")
    _mark(folder).touch()
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--no-verify", "--message", "The demo as it ships")


def _git(folder: Path, *arguments: str) -> None:
    settings = {
        "user.name": "Referee demo",
        "user.email": "demo@localhost",
        "init.defaultBranch": "main",
        "core.hooksPath": os.devnull,
        "commit.gpgSign": "false",
    }
    words = ["git", *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")), *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    env |= {"GIT_AUTHOR_DATE": _MOMENT, "GIT_COMMITTER_DATE": _MOMENT}
    try:
        done = subprocess.run(words, cwd=folder, env=env, capture_output=True, check=False)
    except FileNotFoundError:
        raise RepositoryError("no program 'git' on the PATH. Install git, then try again.") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise RepositoryError(f"git {arguments[0]} failed in {folder}: {said}")
