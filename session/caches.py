"""The caches that a contract names (`sandbox.cache`): where they lie, where their stores are, and what cannot be one.

Guarantee: a store lies in the session's own state, is filled by its baseline and read by its trials alone; the folders
of these names that a person has are neither read nor written.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from ..sandbox.spec import Cache
from .consistency import overlap
from .errors import RepositoryError
from .places import Checkout
from .repository import Base

_FOLDER = "caches"
_HOME = "~/"
_REMEDY = "Name a folder that only compilers write."


def of_contract(declared: Iterable[str], checkout: Checkout, state: Path) -> tuple[Cache, ...]:
    """The caches of a trial; their stores are numbered in the order of the contract, below the state folder."""
    return tuple(_cache(text, checkout, state / _FOLDER / str(number)) for number, text in enumerate(declared))


def forget(state: Path) -> None:
    """Remove what a baseline that did not stand has left, before the next one fills the caches anew."""
    if (state / _FOLDER).exists():
        shutil.rmtree(state / _FOLDER)


def refuse(declared: Iterable[str], checkout: Checkout, base: Base, readable: Iterable[str]) -> None:
    """Make sure that the caches of a contract hide nothing that a trial is to see.

    Args:
        declared: As the contract has them.
        checkout: Where the project lies.
        base: The frozen tree.
        readable: What else the trial sees: interpreters and inputs.

    Raises:
        RepositoryError: If one overlaps with a tracked file, the repository, or one of those.
    """
    inputs = tuple(readable)
    for text in declared:
        cache = _cache(text, checkout, Path())
        if cache.place == "project":
            _refuse_tracked(text, cache.relative, base)
        elif overlap(str((Path.home() / cache.relative).resolve()), str(checkout.root)):
            raise RepositoryError(
                f"sandbox.cache: {text} overlaps with the repository. "
                "A folder inside the project is named relative to it, such as .jit."
            )
        place = str((Path.home() if cache.place == "home" else checkout.root) / cache.relative)
        for path in inputs:
            if overlap(place, path):
                raise RepositoryError(f"sandbox.cache: {text} overlaps with {path}, which a trial reads. {_REMEDY}")


def _cache(text: str, checkout: Checkout, store: Path) -> Cache:
    if text.startswith(_HOME):
        return Cache("home", text.removeprefix(_HOME), str(store))
    return Cache("project", checkout.prefix + text, str(store))


def _refuse_tracked(text: str, relative: str, base: Base) -> None:
    for entry in base.files:
        if overlap(relative, entry.path):
            raise RepositoryError(f"sandbox.cache: {text} overlaps with {entry.path}, which is tracked. {_REMEDY}")
