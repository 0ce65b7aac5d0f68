"""Which frozen files the jail of a target sees: what the target imports from the project, or what the contract names.

Guarantee: an evaluator's own file is never among them, and what is private is not either.
Edge: imports are read from the text of the base commit and not executed; a module that the target finds in another
way has to be named in `evaluate.expose`.
"""

import ast
import posixpath
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from .contract import Contract
from .errors import RepositoryError
from .places import PROGRAM
from .private import covers

_MOST: Final = 2_000


def exposed(contract: Contract, prefix: str, tracked: Iterable[str], text: Callable[[str], str]) -> tuple[str, ...]:
    """Return the files, relative to the repository.

    Args:
        contract: What the session is bound to.
        prefix: The project's place in the repository.
        tracked: Every tracked file, relative to the repository.
        text: Reads one of them; raises ValueError or RepositoryError where it is no text.

    Raises:
        RepositoryError: If `evaluate.expose` names what is not tracked, or an evaluator's own file.
    """
    files = frozenset(path.removeprefix(prefix) for path in tracked if path.startswith(prefix))
    hidden = {contract.target.path, PROGRAM, contract.evaluate.file or ""}
    hidden |= {name for name in files for path in contract.sandbox.private if covers(path, name, "")}
    if contract.evaluate.expose:
        found = {name for path in contract.evaluate.expose for name in _named(path, files, hidden)}
    else:
        found = imported(contract.target.path, files - hidden, lambda name: text(prefix + name))
    return tuple(sorted(prefix + name for name in found))


def _named(path: str, files: frozenset[str], hidden: set[str]) -> set[str]:
    normal = posixpath.normpath(path)
    below = {name for name in files if name == normal or name.startswith(f"{normal}/")}
    if not below:
        raise RepositoryError(f"evaluate.expose: {path} is not a tracked file or folder. Commit it, or remove it.")
    if normal in hidden:
        raise RepositoryError(f"evaluate.expose: {path} is not for the target's code. Remove it.")
    return below - hidden


def imported(target: str, files: frozenset[str], text: Callable[[str], str]) -> set[str]:
    """Follow the imports of a file through the project's own modules.

    Args:
        target: Where to begin, relative to the project.
        files: Those that may be found, relative to the project.
        text: Reads one of them; raises ValueError or RepositoryError where it is no text.
    """
    found: set[str] = set()
    waiting = [target]
    while waiting and len(found) < _MOST:
        name = waiting.pop()
        folders = dict.fromkeys((posixpath.dirname(target), posixpath.dirname(name), ""))
        for module in _modules(name, text):
            for folder in folders:
                new = {path for path in _places(module, folder) if path in files} - found
                found |= new
                waiting += new
    return found


def _modules(name: str, text: Callable[[str], str]) -> Iterator[str]:
    """Yield what a module imports, as paths without their ending; nothing of a file that is no Python."""
    if not name.endswith(".py"):
        return
    try:
        tree = ast.parse(text(name))
    except (SyntaxError, ValueError, RecursionError, RepositoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = "../" * (node.level - 1) if node.level else ""
            module = up + (node.module or "").replace(".", "/")
            yield from (module, *(posixpath.join(module, alias.name) for alias in node.names))


def _places(module: str, folder: str) -> Iterator[str]:
    path = posixpath.normpath(posixpath.join(folder, module))
    parts = path.split("/")
    yield from ("/".join([*parts[:count], "__init__.py"]) for count in range(1, len(parts) + 1))
    yield f"{path}.py"
