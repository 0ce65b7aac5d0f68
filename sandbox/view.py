"""Which paths exist for a bubblewrap trial: an allow-list, as bubblewrap arguments in the order they must come.

Guarantee: system folders, declared inputs, the project, and the trial's own home and /tmp; nothing else of the
machine. Folders that the trial may write are throw-away ones, so mount points are never made in a person's tree.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from . import gpu
from .draft import below
from .scratch import Folder
from .spec import TrialSpec
from .world import Places, real_home

# /sys/devices/system: the processors' layout, which numerical libraries ask for.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store", "/sys/devices/system",
)  # fmt: skip
_OUT = "/referee"
_HOME = "/home/trial"
_RESOLVER = "/etc/resolv.conf"
_OWN = ("/", "/tmp", "/proc", "/dev", _OUT)  # noqa: S108 - the trial's own /tmp


@dataclass(frozen=True, slots=True)
class Bind:
    """One place of the trial's view and what stands there."""

    place: str
    source: str
    kind: Literal["read", "write", "project"]


def places(spec: TrialSpec) -> Places:
    """Return where the trial will see its own folders."""
    home = real_home()
    taken = home is None or home in (*_OWN, *SYSTEM) or home == spec.root or below(home, spec.root) is not None
    return Places(home=_HOME if taken or home is None else home, tmp="/tmp", out=_OUT)  # noqa: S108 - likewise


def arguments(
    spec: TrialSpec, folder: Folder, merged: str, shared: str, layered: Mapping[str, str] | None = None
) -> list[str]:
    """Return the arguments that build the view.

    Args:
        spec: The trial.
        folder: Its folder.
        merged: The mounted project.
        shared: The trial's /dev/shm.
        layered: Where inputs are mounted that are not to be shown as they are.
    """
    binds = _binds(spec, folder, merged, layered or {})
    lines = ["--proc", "/proc", "--dev", "/dev"]
    lines += ["--bind", shared, "/dev/shm"]  # noqa: S108 - the trial's own
    for node in gpu.nodes(spec.gpus):
        lines += _device(node)
    for bind in binds:
        lines += _one(bind, binds, folder)
    lines += _masks(spec, binds)
    return [*lines, "--remount-ro", "/dev", "--remount-ro", "/"]


def _binds(spec: TrialSpec, folder: Folder, merged: str, layered: Mapping[str, str]) -> list[Bind]:
    seen = places(spec)
    found = [Bind(path, path, "read") for path in SYSTEM if Path(path).exists()]
    found += [
        Bind(seen.tmp, folder.part("tmp"), "write"),
        Bind(seen.home, folder.part("home"), "write"),
        Bind(_OUT, folder.part("out"), "write"),
        Bind(spec.root, merged, "project"),
    ]
    inputs = (*spec.readable, *gpu.readable(spec.gpus), *([spec.link] if spec.link else []))
    found += [Bind(os.path.normpath(path), layered.get(path, path), "read") for path in inputs]
    if spec.network and Path(_RESOLVER).is_symlink():
        real = os.path.realpath(_RESOLVER)
        found.append(Bind(real, real, "read"))
    # Parents first: what is bound later stands before what was there.
    return sorted(found, key=lambda bind: len(PurePosixPath(bind.place).parts))


def _one(bind: Bind, binds: list[Bind], folder: Folder) -> Iterator[str]:
    if bind.kind == "read" and bind.place in SYSTEM and Path(bind.place).is_symlink():
        yield from ("--symlink", str(Path(bind.place).readlink()), bind.place)
        return
    around = _around(bind.place, binds)
    if around is None:
        yield from _parents(bind.place)
    elif around.kind == "write":
        _make_mount_point(bind, around, folder)
    yield from ("--ro-bind" if bind.kind == "read" else "--bind", bind.source, bind.place)


def _device(node: str) -> Iterator[str]:
    """Show a device node; --bind would show one that cannot be opened."""
    yield from _parents(node)
    yield from ("--dev-bind", node, node)


def _parents(place: str) -> Iterator[str]:
    """Make the folders above a place: bubblewrap's own are closed to any other user."""
    for parent in [*PurePosixPath(place).parents][-2::-1]:
        yield from ("--perms", "0755", "--dir", str(parent))


def _around(place: str, binds: list[Bind]) -> Bind | None:
    """Return the innermost bind that `place` lies in."""
    inside = [bind for bind in binds if below(place, bind.place) is not None]
    return inside[-1] if inside else None


def _make_mount_point(bind: Bind, around: Bind, folder: Folder) -> None:
    place = Path(around.source)
    parts = PurePosixPath(bind.place).relative_to(around.place).parts
    for part in parts[:-1]:
        place /= part
        _make_folder(place, folder)
    if Path(bind.source).is_dir():
        _make_folder(place / parts[-1], folder)
    else:
        (place / parts[-1]).touch()


def _make_folder(place: Path, folder: Folder) -> None:
    if not place.exists():
        place.mkdir()
        folder.give(str(place), 0o755)


def _masks(spec: TrialSpec, binds: list[Bind]) -> Iterator[str]:
    """Hide Referee's own folders where a readable one would show them."""
    for path in sorted({spec.scratch, spec.snapshot, str(Path(spec.log).parent)}):
        around = _around(path, binds)
        needed = any(bind.place == path or below(bind.place, path) for bind in binds)
        if around is not None and around.kind == "read" and not needed:
            yield from ("--perms", "0000", "--tmpfs", path, "--remount-ro", path)
