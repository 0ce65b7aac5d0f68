"""What a frozen tree holds that a trial sees otherwise than a person: submodules, links that leave it, LFS files."""

import os
import posixpath
from collections.abc import Iterator

from ..session.git import Entry, Git
from ..session.repository import Base

_LINK, _SUBMODULE = "120000", "160000"


def tree_warnings(git: Git, base: Base) -> list[str]:
    """One sentence for each; what a person has to declare as an input is named."""
    return [*_submodules(base), *_links(git, base), *_lfs(git, base)]


def _submodules(base: Base) -> Iterator[str]:
    for entry in base.entries:
        if entry.mode == _SUBMODULE:
            yield f"{entry.path} is a submodule: a trial finds an empty folder; declare what it reads in sandbox.inputs"


def _links(git: Git, base: Base) -> Iterator[str]:
    for entry in base.entries:
        if entry.mode == _LINK and _leaves(entry, goal := os.fsdecode(git.read(entry.oid))):
            yield f"{entry.path} is a link out of the repository: declare {goal} in sandbox.inputs if a trial reads it"


def _leaves(entry: Entry, goal: str) -> bool:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), goal))
    return place.startswith(("/", "../")) or place == ".."


def _lfs(git: Git, base: Base) -> Iterator[str]:
    rules = [entry for entry in base.entries if entry.path.rpartition("/")[2] == ".gitattributes"]
    if any(b"filter=lfs" in git.read(entry.oid) for entry in rules):
        yield "some files are stored in git LFS: a trial gets them from the local LFS store"
