"""The frozen files of a session in their folders: what every phase sees, what is private, what a jail sees.

The folders are apart, so that a phase without the private ones cannot come to them by any way: they are not there.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .opened import Opened
from .places import EXPOSED, PRIVATE, PROGRAM, SNAPSHOT
from .project import Project
from .repository import Base
from .snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Frozen:
    """All folders as one; see `Snapshot` for what is promised of each."""

    parts: tuple[Snapshot, ...]

    def open(self) -> list[str]:
        """Make each what the tree says, and return what was found different."""
        return [said for part in self.parts for said in part.open()]

    def verify(self) -> list[str]:
        """Say what differs from the tree, one sentence each."""
        return [said for part in self.parts for said in part.verify()]


def frozen(home: Path, project: Project, opened: Opened) -> Frozen:
    """The frozen files below the state folder `home`; nothing is written yet."""
    prefix, objects = project.checkout.prefix, project.checkout.common_dir / "lfs" / "objects"
    base = project.base(opened.base)
    private = frozenset(opened.private)
    left_out = frozenset({prefix + opened.target, prefix + PROGRAM, *opened.held_out})
    parts = [Snapshot(home / SNAPSHOT, project.git, base, left_out | private, objects)]
    if private:
        others = _all_but(base, opened.private)
        parts.append(Snapshot(home / PRIVATE, project.git, base, others, objects))
    if opened.jail is not None:
        parts.append(Snapshot(home / EXPOSED, project.git, base, _all_but(base, opened.jail.exposed), objects))
    return Frozen(tuple(parts))


def _all_but(base: Base, files: tuple[str, ...]) -> frozenset[str]:
    """Everything tracked but these and the folders that they lie in."""
    above = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    return frozenset(entry.path for entry in base.entries) - above - frozenset(files)
