"""What a project folder shows from outside: its files, its Python environment, what its sources import and mention.

Guarantee: sources are read as plain files through no link, a bounded number of them, and nothing is executed.
"""

import ast
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..session.command import ENVIRONMENTS
from ..session.errors import RefusedError, RepositoryError
from ..session.files import read_regular
from ..session.project import Project

_MAX_SOURCES = 200
_MAX_FILES = 5000
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
        environment: `.venv` or `venv` where that is a virtual environment, else empty.
        uv: Whether uv manages the project.
        imports: Top-level modules that the sources import.
        caches: Folders in `~/.cache` that the sources use, written with `~`.
    """

    folder: Path
    committed: bool
    tracked: tuple[str, ...]
    sources: dict[str, str]
    environment: str
    uv: bool
    imports: frozenset[str]
    caches: tuple[str, ...]


def survey(project: Project) -> Survey:
    """Look at a project."""
    folder = project.checkout.project
    committed, tracked = _files(project)
    sources = {name: text for name in _python(tracked) if (text := _read(folder, name)) is not None}
    imports, literals = _mentions(sources.values())
    return Survey(
        folder=folder,
        committed=committed,
        tracked=tracked,
        sources=sources,
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


def _python(names: tuple[str, ...]) -> list[str]:
    near_first = sorted(names, key=lambda name: (name.count("/"), name))
    return [name for name in near_first if name.endswith(".py")][:_MAX_SOURCES]


def _read(folder: Path, name: str) -> str | None:
    try:
        return read_regular(folder, name).decode("utf-8")
    except (RefusedError, UnicodeDecodeError):
        return None


def _mentions(sources: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Modules that are imported, and the parts of paths that stand in string literals."""
    imports: set[str] = set()
    literals: set[str] = set()
    for node in (node for source in sources for node in _nodes(source)):
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


def _nodes(source: str) -> Iterator[ast.AST]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    yield from ast.walk(tree)


def _caches(imports: frozenset[str], literals: frozenset[str]) -> Iterator[str]:
    """The folders of the cache that a source names in a path below `.cache`, or that a library of it fills."""
    used = {_LIBRARY_CACHES[name] for name in imports if name in _LIBRARY_CACHES}
    used |= literals if ".cache" in literals else set()
    folder = Path.home() / ".cache"
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    for name in names:
        if name in used and (folder / name).is_dir():
            yield f"~/.cache/{name}"
