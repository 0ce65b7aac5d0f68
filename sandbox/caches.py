"""The caches of a trial: what one run compiled, given to every trial as a copy of its own and thrown away with it.

Guarantee: a trial never sees what another one left in a cache, and nothing that it does reaches the store: it works on
an overlay above the store, or where nothing can be mounted, on a copy.
Edge: as root, a stored file belongs to no trial: it can be written, replaced and removed, its mode cannot be changed.
A mounted cache cannot be removed itself, and nothing can be renamed into or out of it.
"""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from . import kernel, overlay
from .draft import below
from .errors import SandboxError
from .plain_files import Copier, Room, opened
from .scratch import Folder
from .spec import Cache, TrialSpec


@dataclass(frozen=True, slots=True)
class Made:
    """The caches of one trial, in the order of its specification.

    Attributes:
        left: Where each is found after the trial, below the trial's folder.
        written: Folders that receive what the trial writes to them, where these are none of its others.
    """

    left: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


def mount(spec: TrialSpec, folder: Folder, project: overlay.Project) -> Made:
    """Mount the caches in the trial's home and in the mounted project, for a view that takes both with their mounts.

    Raises:
        SandboxError: one has an impossible place.
    """
    base = str(Path(project.upper).parent)
    uppers: list[str] = []
    for number, cache in enumerate(spec.caches):
        place = _make_place(cache, folder, project.merged)
        if _filled(spec, cache):
            uppers.append(_lay(cache, place, str(Path(base, f"cache-{number}")), folder))
        else:
            # What works in the run that fills it has to work in those after it, which find a mount there.
            kernel.mount(place, place, "", kernel.MS_BIND)
    return Made(places(spec, folder, project.upper), tuple(uppers))


def copy(spec: TrialSpec, folder: Folder, project: str) -> Made:
    """Copy the caches into the trial's home and its copy of the project.

    Raises:
        SandboxError: one has an impossible place.
    """
    for cache in spec.caches:
        place = _make_place(cache, folder, project)
        if _filled(spec, cache):
            with opened(cache.store) as source, opened(place) as target:
                Copier(Room(), folder.owner).copy(source, target)
    return Made(places(spec, folder, project))


def places(spec: TrialSpec, folder: Folder, project: str) -> tuple[str, ...]:
    """Return where each cache lies when the project is at `project`."""
    return tuple(str(Path(_top(cache, folder, project), cache.relative)) for cache in spec.caches)


def unmount(spec: TrialSpec, folder: Folder) -> None:
    """Unmount what `mount` mounted in the trial's home, wherever the trial moved it; the others go with the project."""
    if not any(cache.place == "home" for cache in spec.caches):
        return
    home = os.path.realpath(folder.part("home"))
    for place in _mount_points():
        if below(place, home) is not None:
            kernel.detach(place)


def _filled(spec: TrialSpec, cache: Cache) -> bool:
    return not spec.fill_caches and Path(cache.store).is_dir()


def _top(cache: Cache, folder: Folder, project: str) -> str:
    return folder.part("home") if cache.place == "home" else project


def _make_place(cache: Cache, folder: Folder, project: str) -> str:
    """Make the empty folder of a cache, which belongs to the trial, below folders that are no links."""
    *parents, name = PurePosixPath(cache.relative).parts or ("",)
    if not name or ".." in (*parents, name) or cache.relative.startswith("/"):
        raise SandboxError(f"cache {cache.relative!r}: expected a path inside the home or project, relative to it")
    place = Path(_top(cache, folder, project))
    for part in parents:
        place /= part
        if not os.path.lexists(place):
            _make(place, folder)
        elif place.is_symlink() or not place.is_dir():
            raise SandboxError(f"cache {cache.relative!r}: {part!r} in its path is no folder; choose another place")
    place /= name
    if os.path.lexists(place):
        raise SandboxError(f"cache {cache.relative!r}: something stands there; choose another place")
    _make(place, folder)
    return str(place)


def _make(place: Path, folder: Folder) -> None:
    place.mkdir()
    folder.give(str(place), 0o755)


def _lay(cache: Cache, place: str, layers: str, folder: Folder) -> str:
    """Mount an overlay above the store and return the folder that receives what is written."""
    upper = str(Path(layers, "upper"))
    for path in (layers, upper, str(Path(layers, "work"))):
        Path(path).mkdir()
    folder.give(upper, 0o755)
    Path(layers, "lower").symlink_to(cache.store)
    overlay.lay(layers, place, "lowerdir=lower,upperdir=upper,workdir=work")
    return upper


def _mount_points() -> list[str]:
    """Return where something is mounted in this process's namespace, the latest first."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    # The fifth field; white space and backslashes in it are written in octal: see proc_pid_mountinfo(5).
    texts = [line.split()[4].decode("unicode_escape") for line in reversed(lines)]
    return [os.fsdecode(text.encode("latin-1")) for text in texts]
