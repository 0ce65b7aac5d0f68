"""What `sandbox.private` and `holdout.private` name: tracked files, kept out of the snapshot, and paths outside git.

Guarantee: no path named is part of what a phase sees in which the target's code runs, and no tool shows it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .command import SYSTEM
from .errors import RepositoryError
from .git import Entry
from .places import PROGRAM, Checkout
from .shorthand import holds


@dataclass(frozen=True, slots=True)
class Private:
    """Tracked files, relative to the repository, and absolute paths outside git."""

    tracked: tuple[str, ...]
    outside: tuple[str, ...]


def split(
    declared: Iterable[str], checkout: Checkout, tracked: Mapping[str, Entry], key: str = "sandbox.private"
) -> Private:
    """Tell which of the declared paths are tracked: a folder with a tracked file in it is.

    Raises:
        RepositoryError: If one is neither tracked nor there, or stands for tracked files under another name.
    """
    files: dict[str, None] = {}
    outside: list[str] = []
    for path in declared:
        found = [name for name in tracked if name.startswith(checkout.prefix) and covers(path, name, checkout.prefix)]
        files |= dict.fromkeys(found)
        place = checkout.project / Path(path).expanduser()
        if other := _elsewhere(place, checkout, tracked, set(found)):
            raise RepositoryError(
                f"{key}: {path} stands for {other}, which is tracked under that name and would be seen. Name it so, "
                "relative to the project."
            )
        if not found:
            if not place.exists():
                raise RepositoryError(
                    f"{key}: {place} is neither tracked nor there. Correct it, or remove it from {PROGRAM}."
                )
            outside.append(path)
    return Private(tuple(sorted(files)), tuple(outside))


def _elsewhere(place: Path, checkout: Checkout, tracked: Mapping[str, Entry], found: set[str]) -> str:
    """A tracked file that a path leads to without naming it: by a link, from the root, or from above."""
    real, root = place.resolve(), checkout.root.resolve()
    if not real.is_relative_to(root):
        return ""
    name = real.relative_to(root).as_posix()
    return next((path for path in tracked if path not in found and holds(name, path)), "")


def covers(declared: str, name: str, prefix: str) -> bool:
    """Whether a path of the contract holds a file of the repository."""
    return not declared.startswith(("/", "~")) and holds(prefix + declared, name)


def refuse_seen(outside: Iterable[str], seen: Iterable[str], key: str = "sandbox.private") -> None:
    """Make sure that nothing private lies in what the target's code may read, or the other way round.

    Args:
        outside: Private paths outside git.
        seen: What the first phase, or any of a trial, may read outside the snapshot.
        key: Of the contract, to be named.

    Raises:
        RepositoryError: If it does.
    """
    places = [Path(path).resolve() for path in seen]
    system = {folder: Path(folder).resolve() for folder in SYSTEM}
    reader = "the target's code" if key == "sandbox.private" else "a trial"
    for path in outside:
        real = Path(path).resolve()
        for folder, place in system.items():
            if real.is_relative_to(place) or place.is_relative_to(real):
                raise RepositoryError(
                    f"{key}: {path} overlaps with {folder}, which every trial sees, the target's code included. "
                    "Move it to another folder, such as one in the home directory, and name it there."
                )
        for place in places:
            if real.is_relative_to(place) or place.is_relative_to(real):
                raise RepositoryError(
                    f"{key}: {path} overlaps with {place}, which {reader} may read. "
                    "Move one of them, or name less in sandbox.inputs."
                )
