"""What a project folder shows from outside: its files, its Python environment, what its sources import and mention.

Guarantee: sources are read as plain files through no link, a bounded number of them, and nothing is executed.
"""

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..session.command import ENVIRONMENTS
from ..session.errors import RefusedError, RepositoryError
from ..session.files import read_regular
from ..session.project import Project
from .python_source import parsed

_MAX_SOURCES = 200
_MAX_FILES = 5000
_SHELL = (".sh", ".bash")
_OTHERS = (*_SHELL, ".c", ".cc", ".cpp", ".cu", ".go", ".java", ".jl", ".js", ".md", ".r", ".rs", ".ts", ".txt")
_MARK = "EVOLVE-BLOCK-START"
_LIBRARY_CACHES = {
    "datasets": "huggingface",
    "huggingface_hub": "huggingface",
    "transformers": "huggingface",
    "torchvision": "torch",
}


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen.

    Attributes:
        folder: The project.
        committed: Whether there is a commit.
        tracked: Files of the last commit, relative to the project; all files there are before the first commit.
        sources: The Python sources among them, by path.
        scripts: The shell scripts among them, by path.
        marked: Those whose text says with `EVOLVE-BLOCK` that a part of it is to be improved.
        environment: `.venv` or `venv` where that is a virtual environment, else empty.
        uv: Whether uv manages the project.
        imports: Top-level modules that the sources import.
        caches: Folders in `~/.cache` that the sources use, written with `~`.
    """

    folder: Path
    committed: bool
    tracked: tuple[str, ...]
    sources: dict[str, str]
    scripts: dict[str, str]
    marked: tuple[str, ...]
    environment: str
    uv: bool
    imports: frozenset[str]
    caches: tuple[str, ...]


def survey(project: Project) -> Survey:
    """Look at a project."""
    folder = project.checkout.project
    committed, tracked = _files(project)
    texts = {name: text for name in _near(tracked) if (text := _read(folder, name)) is not None}
    sources = {name: text for name, text in texts.items() if name.endswith(".py")}
    imports, literals = _mentions(sources.values())
    return Survey(
        folder=folder,
        committed=committed,
        tracked=tracked,
        sources=sources,
        scripts={name: text for name, text in texts.items() if name.endswith(_SHELL)},
        marked=tuple(name for name, text in texts.items() if _MARK in text),
        environment=next((name for name in ENVIRONMENTS if (folder / name / "pyvenv.cfg").is_file()), ""),
        uv=(folder / "uv.lock").is_file(),
        imports=imports,
        caches=tuple(_caches(imports, literals)),
    )


def _files(project: Project) -> tuple[bool, tuple[str, ...]]:
    prefix = project.checkout.prefix
    try:
        base = project.base(project.repository.head())
    except RepositoryError:
        return False, tuple(_walk(project.checkout.project))
    names = (entry.path for entry in base.files if entry.path.startswith(prefix))
    return True, tuple(name.removeprefix(prefix) for name in names)


def _walk(folder: Path) -> list[str]:
    found: list[str] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in ENVIRONMENTS)
        inside = os.path.relpath(place, folder)
        found += [os.path.normpath(os.path.join(inside, name)) for name in sorted(names) if not name.startswith(".")]
        if len(found) > _MAX_FILES:
            break
    return found[:_MAX_FILES]


def _near(names: tuple[str, ...]) -> list[str]:
    """The sources that are read: the nearest first, and as many of other kinds as of Python."""
    near_first = sorted(names, key=lambda name: (name.count("/"), name))
    python = [name for name in near_first if name.endswith(".py")]
    return python[:_MAX_SOURCES] + [name for name in near_first if name.endswith(_OTHERS)][:_MAX_SOURCES]


def _read(folder: Path, name: str) -> str | None:
    try:
        return read_regular(folder, name).decode("utf-8")
    except (RefusedError, UnicodeDecodeError):
        return None


def _mentions(sources: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Modules that are imported, and the parts of paths that stand in string literals."""
    imports: set[str] = set()
    literals: set[str] = set()
    for node in (node for source in sources for node in ast.walk(parsed(source))):
        match node:
            case ast.Import(names=names):
                imports.update(alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                imports.add(module.partition(".")[0])
            case ast.Constant(value=str(text)):
                literals.update(text.split("/"))
            case _:
                pass
    return frozenset(imports), frozenset(literals)


def _caches(imports: frozenset[str], literals: frozenset[str]) -> Iterator[str]:
    """The folders of the cache that a source names in a path below `.cache`, or that a library of it fills."""
    used = {_LIBRARY_CACHES[name] for name in imports if name in _LIBRARY_CACHES}
    used |= literals if ".cache" in literals else set()
    folder = Path.home() / ".cache"
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    for name in names:
        if name in used and (folder / name).is_dir():
            yield f"~/.cache/{name}"
