"""Storing what a run left in its caches, for the trials that come after it.

Guarantee: only a run that was to fill its caches, ended well and is dead leaves anything; plain files alone, within the
limits of disk; each store appears whole or not at all, and one that exists is left alone.
Edge: a store is as true as the folder that it lies in is private. No trial can write there; who can, could write a
journal as well. Where nothing can be mounted, an ordinary user's trial can change the modes and times of stored files.
"""

import ctypes
import os
import shutil
from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from . import reasons
from .plain_files import Copier, NoRoomError, Room, opened
from .scratch import Folder
from .spec import Measurement, TrialSpec

_libc = ctypes.CDLL(None, use_errno=True)


def keep(spec: TrialSpec, folder: Folder, left: tuple[str, ...], run: Measurement) -> Measurement:
    """Store what a run that was to fill its caches left in them.

    Args:
        spec: What was run.
        folder: The trial's folder.
        left: Where its caches are now, in their order; nothing of the trial may live.
        run: The measurement; unless it is ok, nothing is stored.

    Returns:
        The measurement, or a crash where the caches hold more than the trial's limits of disk allow.

    Raises:
        OSError: something cannot be written.
    """
    if not spec.fill_caches or run.outcome != "ok":
        return run
    pairs = zip((Path(cache.store) for cache in spec.caches), left, strict=True)
    missing = {store: place for store, place in pairs if not os.path.lexists(store)}
    copier = Copier(Room(spec.limits.disk_bytes, spec.limits.files))
    try:
        for store, place in missing.items():
            _copy_out(folder, place, _beside(store), copier)
        _publish(missing)
    except NoRoomError as full:
        reason = reasons.exceeded(full.breach, killed=False)
        return replace(run, outcome="crash", reason=reason, metrics={}, limit=full.breach.key)
    finally:
        for store in missing:
            _remove(_beside(store))
    return run


def _beside(store: Path) -> Path:
    return store.with_name(f"{store.name}.new")


def _copy_out(folder: Folder, place: str, new: Path, copier: Copier) -> None:
    new.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _remove(new)
    new.mkdir(mode=0o700)
    with opened(str(new)) as target, _reached(folder.path, os.path.relpath(place, folder.path)) as source:
        if source is not None:
            copier.copy(source, target)


def _publish(stores: Collection[Path]) -> None:
    """Show each store at once, and only when all are on the disk: a cut of power leaves no half of one."""
    for parent in {str(store.parent) for store in stores}:
        with opened(parent) as folder:
            _sync(folder)
    for store in stores:
        _beside(store).rename(store)


def _sync(descriptor: int) -> None:
    """Write everything of the file system to disk: see syncfs(2); one call for each file would take far longer."""
    if _libc.syncfs(descriptor) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"syncfs: {os.strerror(number)}")


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def _reached(top: str, relative: str) -> Generator[int | None]:
    """Open a folder below another one without following a link; None if the way does not lead to a folder any more."""
    with ExitStack() as way:
        descriptor: int | None = way.enter_context(opened(top))
        for part in Path(relative).parts:
            try:
                descriptor = way.enter_context(opened(part, descriptor))
            except OSError:
                descriptor = None
                break
        yield descriptor
