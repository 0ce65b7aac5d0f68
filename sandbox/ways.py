"""Ways through folders that the trial's own user may not pass, such as root's home, without opening them.

A closed folder is covered by an empty one that holds nothing but what the trial needs; so what else is in it does not
exist for the trial. For the calling process's mount namespace alone.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from . import kernel
from .draft import below

_EMPTY = "mode=0755,size=1m"


@dataclass(frozen=True, slots=True)
class Ways:
    """Closed folders and what is needed in them.

    Attributes:
        covered: The outermost closed folders.
        places: Folders to be made in them, for what is mounted later.
        sources: Descriptors of what is to be seen in them, by path, parents first.
    """

    covered: tuple[str, ...]
    places: tuple[str, ...]
    sources: dict[str, int]

    def open(self) -> None:
        """Cover the closed folders, and show in them what was found."""
        for top in self.covered:
            kernel.mount("none", top, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, _EMPTY)
        for path in self.places:
            _make(path, folder=True)
        for path, descriptor in self.sources.items():
            _make(path, folder=stat.S_ISDIR(os.fstat(descriptor).st_mode))
            kernel.mount(f"/proc/self/fd/{descriptor}", path, "", kernel.MS_BIND | kernel.MS_REC)
            os.close(descriptor)

    def close(self) -> None:
        """Let nobody write into the covers any more."""
        for top in self.covered:
            kernel.set_read_only(top, recursive=False)


NO_WAYS = Ways((), (), {})


def through(root: str, paths: tuple[str, ...]) -> Ways:
    """Find the closed folders on the way to `root`, which is made empty, and to `paths`, those below `root` left out.

    Raises:
        OSError: one of `paths` is not there.
    """
    covered = sorted({top for path in (root, *paths) if (top := closed(path))})
    needed = [path for path in sorted(paths) if closed(path) and below(path, root) is None and path != root]
    sources = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in needed}
    return Ways(tuple(covered), (root,) if closed(root) else (), sources)


def closed(path: str) -> str:
    """Return the outermost folder above `path` that lets no other user through; an empty text if none is closed."""
    for parent in reversed(Path(path).parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            return str(parent)
    return ""


def _make(path: str, *, folder: bool) -> None:
    place = Path(path)
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if folder:
        place.mkdir()
    else:
        place.touch()
