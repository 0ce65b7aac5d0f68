"""The evaluator's command, resolved once when a session opens: which program runs, and what it needs to be seen.

Guarantee: nothing is executed to find out. The first word becomes an absolute path; pyenv shims are followed, `uv run`
becomes the project's own environment, an interpreter brings its prefix and its virtual environment along.
Edge: a program outside the system folders that is no Python is seen alone; what it needs besides are `sandbox.inputs`.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .closure import is_python, settings
from .errors import RepositoryError
from .places import Checkout, state_root

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store")
ENVIRONMENTS = (".venv", "venv")
_UV_FLAGS = {"--frozen", "--locked", "--no-sync", "--offline", "--quiet", "-q", "--"}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A command that can be run as it stands.

    Attributes:
        argv: The words; the first is absolute. `{target}` and `{results}` may still stand in the others.
        readable: Paths outside the snapshot that it needs.
        program: The file that is pinned: the program behind all links, or the environment's own name for it, because
            what else it executes follows from there (see `closure`).
    """

    argv: tuple[str, ...]
    readable: tuple[str, ...]
    program: str


def resolve(words: tuple[str, ...], checkout: Checkout) -> Resolved:
    """Resolve a command as the person's shell would find it.

    Raises:
        RepositoryError: If there is no such program, or it cannot be executed.
    """
    words = _without_uv(words, checkout.project)
    path = _follow_shim(_find(words[0], checkout.project), checkout.project)
    program = Path(os.path.realpath(path))
    if not program.is_file() or not os.access(program, os.X_OK):
        raise RepositoryError(f"evaluate.command: {words[0]!r} is not an executable file ({program}).")
    needed = [*_python_needs(path, program)] or [path, program]
    pinned = path if is_python(program) and (path.parent.parent / "pyvenv.cfg").is_file() else program
    return Resolved((str(path), *words[1:]), _outside_system(needed, checkout), str(pinned))


def named_files(words: Iterable[str], tracked: Iterable[str], prefix: str) -> set[str]:
    """The tracked files (full paths) that the words of a command name."""
    files = set(tracked)
    return {name for word in words if (name := os.path.normpath(prefix + word)) in files}


def environments(checkout: Checkout) -> list[Path]:
    """The virtual environments in the project folder, which are inputs without being declared."""
    return [checkout.project / name for name in ENVIRONMENTS if (checkout.project / name / "pyvenv.cfg").is_file()]


def _without_uv(words: tuple[str, ...], project: Path) -> tuple[str, ...]:
    if words[:2] != ("uv", "run"):
        return words
    rest = list(words[2:])
    while rest and rest[0] in _UV_FLAGS:
        rest.pop(0)
    binaries = project / ".venv" / "bin"
    if not rest or rest[0].startswith("-"):
        raise RepositoryError(
            f"evaluate.command: 'uv run {' '.join(rest[:1])}' is not understood. "
            "Name the program itself: .venv/bin/python …"
        )
    if not binaries.is_dir():
        raise RepositoryError(
            "evaluate.command: 'uv run' needs the environment in .venv. Run `uv sync`, then try again."
        )
    if rest[0].endswith(".py"):
        return (str(binaries / "python"), *rest)
    own = binaries / rest[0]
    return (str(own) if own.exists() else rest[0], *rest[1:])


def _find(word: str, project: Path) -> Path:
    if "/" in word:
        return Path(os.path.normpath(project / Path(word).expanduser()))
    if found := shutil.which(word):
        return Path(os.path.abspath(found))
    hint = " Did you mean 'python3'?" if word == "python" and shutil.which("python3") else ""
    raise RepositoryError(f"evaluate.command: no program {word!r} on the PATH.{hint}")


def _follow_shim(path: Path, project: Path) -> Path:
    root = path.parent.parent
    if path.parent.name != "shims" or not (root / "versions").is_dir():
        return path
    for version in _pyenv_versions(root, project):
        candidate = root / "versions" / version / "bin" / path.name
        if candidate.exists():
            return candidate
    if system := shutil.which(path.name, path="/usr/local/bin:/usr/bin:/bin"):
        return Path(system)
    raise RepositoryError(f"evaluate.command: the shim {path} leads nowhere. Name the program itself (`pyenv which`).")


def _pyenv_versions(root: Path, project: Path) -> list[str]:
    if chosen := os.environ.get("PYENV_VERSION"):
        return chosen.split(":")
    for file in (*(folder / ".python-version" for folder in (project, *project.parents)), root / "version"):
        if file.is_file():
            return file.read_text(encoding="utf-8", errors="replace").split()
    return []


def _python_needs(path: Path, program: Path) -> list[Path]:
    """What a Python interpreter reads besides itself; nothing if it is none."""
    if not is_python(program):
        return []
    needed = [*_prefix(program)]
    home = settings(path.parent.parent / "pyvenv.cfg").get("home", "")
    if home.startswith("/"):
        needed += [path.parent.parent, *_prefix(Path(home) / program.name)]
    else:
        needed += _prefix(path)
    return needed


def _prefix(program: Path) -> list[Path]:
    prefix = program.parent.parent
    private = (Path.home(), state_root())
    if any(place.is_relative_to(prefix) for place in private):
        return [program, *sorted(prefix.glob("lib/python3*"))]
    return [prefix]


def _outside_system(needed: Iterable[Path], checkout: Checkout) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for path in needed:
        inside = path.is_relative_to(checkout.project) and not any(
            path.is_relative_to(place) for place in environments(checkout)
        )
        if not inside and not any(path.is_relative_to(place) for place in SYSTEM):
            names[str(path)] = None
    return tuple(names)
