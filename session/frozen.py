"""The frozen files of a session in their two folders: what every phase sees, and what is private.

The folders are apart, so that a phase without the private ones cannot come to them by any way: they are not there.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .opened import Opened
from .places import PRIVATE, PROGRAM, SNAPSHOT
from .project import Project
from .snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Frozen:
    """Both folders as one; see `Snapshot` for what is promised of each."""

    parts: tuple[Snapshot, ...]

    def open(self) -> list[str]:
        """Make both what the tree says, and return what was found different."""
        return [said for part in self.parts for said in part.open()]

    def verify(self) -> list[str]:
        """Say what differs from the tree, one sentence each."""
        return [said for part in self.parts for said in part.verify()]


def frozen(home: Path, project: Project, opened: Opened) -> Frozen:
    """The frozen files below the state folder `home`; nothing is written yet."""
    prefix, objects = project.checkout.prefix, project.checkout.common_dir / "lfs" / "objects"
    base = project.base(opened.base)
    private = frozenset(opened.private)
    left_out = frozenset({prefix + opened.target, prefix + PROGRAM})
    parts = [Snapshot(home / SNAPSHOT, project.git, base, left_out | private, objects)]
    if private:
        above = {str(parent) for path in private for parent in PurePosixPath(path).parents}
        others = frozenset(entry.path for entry in base.entries) - private - above
        parts.append(Snapshot(home / PRIVATE, project.git, base, others, objects))
    return Frozen(tuple(parts))
