"""The project as a throw-away overlay: snapshot, then the draft, then whatever the trial writes.

Guarantee: the snapshot is never written; what the trial changed, hid or replaced of it is found in the upper
layer after everything is dead. Opening a frozen file for writing counts as changing it, because the kernel
copies it up then. Folders that were only copied up, and every new file, are fine.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from . import draft, kernel, limits
from .errors import SandboxError
from .scratch import WRITABLE, Folder
from .spec import TrialSpec

MOST_NAMED = 20
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


@dataclass(frozen=True, slots=True)
class Project:
    """A mounted overlay.

    Attributes:
        merged: Where the project is mounted in this process's namespace.
        upper: The layer that receives the trial's writes.
        snapshot: The frozen tree.
        target: The one path that the trial may change, relative to the tree.
        memory_mounts: The memory file system below the upper layer, if there is one.
    """

    merged: str
    upper: str
    snapshot: str
    target: str
    memory_mounts: tuple[str, ...]

    def place(self, spec: TrialSpec, folder: Folder) -> None:
        """Write the draft through the mount, so that whoever sees the project already sees it."""
        draft.write_target(spec, folder, self.merged)

    def written(self, folder: Folder) -> tuple[str, ...]:
        """Return the folders that receive what the trial writes."""
        return (self.upper, *(folder.part(name) for name in WRITABLE))

    def touched(self) -> tuple[str, ...]:
        """Return the frozen paths that were changed, at most `MOST_NAMED`, sorted."""
        kernel.detach(self.merged)
        return tuple(sorted(islice(_frozen_changes(self), MOST_NAMED)))


def mount(spec: TrialSpec, folder: Folder) -> Project:
    """Mount the project; this process must be in its own mount namespace.

    Raises:
        SandboxError: neither the disk nor memory can carry the upper layer.
    """
    target = draft.checked_target(spec)
    Path(folder.part("draft")).chmod(0o777)
    draft.write_mount_points(spec, folder.part("draft"))
    layers = _layers(spec, folder)
    Path(folder.part("merged")).mkdir()
    base = "."
    try:
        _mount_on(base, folder, layers)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}:
            raise SandboxError(f"the project could not be overlaid: {error}") from error
        # The file system of the state folder cannot carry an upper layer (it may be an overlay itself).
        base = "memory"
        Path(folder.part(base)).mkdir()
        size = limits.shared_memory_bytes()
        kernel.mount("tmpfs", folder.part(base), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, f"size={size}")
        _mount_on(base, folder, layers)
    draft.open_parents(folder.part("merged"), target)
    memory = (folder.part(base),) if base != "." else ()
    return Project(folder.part("merged"), folder.part(base, "upper"), spec.snapshot, target, memory)


def shared_memory(spec: TrialSpec, folder: Folder) -> str:
    """Mount the trial's own /dev/shm and return where; this process must be in its own mount namespace."""
    place = folder.part("shm")
    Path(place).mkdir()
    options = f"mode=1777,size={limits.shared_memory_bytes()},nr_inodes={spec.limits.files}"
    kernel.mount("tmpfs", place, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    return place


def unmount(folder: Folder) -> None:
    """Unmount what `mount` mounted; a folder without it is left alone."""
    for name in ("merged", "memory", "shm"):
        kernel.detach(folder.part(name))


def _layers(spec: TrialSpec, folder: Folder) -> str:
    """Return the names of the lower layers, the first above the others: mount points, artifacts, frozen files."""
    Path(folder.part("lower")).symlink_to(spec.snapshot)
    names = ["draft", *(["artifacts"] if os.path.isdir(folder.part("artifacts")) else [])]
    if spec.private:
        Path(folder.part("private")).symlink_to(spec.private)
        names.append("private")
    return ":".join([*names, "lower"])


def _mount_on(base: str, folder: Folder, layers: str) -> None:
    for name in ("upper", "work"):
        Path(folder.part(base, name)).mkdir()
    Path(folder.part(base, "upper")).chmod(0o777)
    lay(folder.path, "merged", f"lowerdir={layers},upperdir={base}/upper,workdir={base}/work")


def lay(where: str, place: str, layers: str) -> None:
    """Mount a throw-away overlay.

    Args:
        where: Folder that the layers' names are relative to; so no character of a person's paths can end an option.
        place: Where to mount it.
        layers: The mount options that name the layers.
    """
    # Thrown away in a moment, so nothing is to be synced to disk when it is unmounted (Linux 5.10).
    options = f"{layers},volatile"
    options += ",redirect_dir=off" if kernel.in_first_user_namespace() else ",userxattr"
    here = Path.cwd()
    os.chdir(where)
    try:
        kernel.mount("overlay", place, "overlay", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    finally:
        os.chdir(here)


def _frozen_changes(project: Project) -> Iterator[str]:
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        for name, status in _entries(str(Path(project.upper, relative))):
            path = f"{relative}/{name}" if relative else name
            if path == project.target:
                continue
            if _hides(project, path, status):
                yield path
            elif stat.S_ISDIR(status.st_mode) and Path(project.snapshot, path).is_dir():
                waiting.append(path)


def _entries(folder: str) -> list[tuple[str, os.stat_result]]:
    """List a folder of the upper layer that may be closed; its parents are known to be folders."""
    Path(folder).chmod(0o700)
    with os.scandir(folder) as entries:
        return [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]


def _hides(project: Project, path: str, status: os.stat_result) -> bool:
    """Whether this entry of the upper layer stands before a frozen file."""
    frozen = Path(project.snapshot, path)
    if frozen.is_symlink() or frozen.is_file():
        return True
    if not frozen.is_dir() or (stat.S_ISDIR(status.st_mode) and not _opaque(project.upper, path)):
        return False
    return any(files for _, _, files in os.walk(frozen))


def _opaque(upper: str, relative: str) -> bool:
    for name in _OPAQUE:
        with suppress(OSError):
            if os.getxattr(str(Path(upper, relative)), name, follow_symlinks=False) in {b"y", b"x"}:
                return True
    return False
