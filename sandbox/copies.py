"""The project as a copy per trial, for backends that cannot mount; and the trial's own folders beside it.

Guarantee: after the run every frozen file is compared with the snapshot, kind, mode and content. Edge: the
trial sees the copy's path, not the repository's; arguments that name the repository are rewritten to it.
"""

import filecmp
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from . import draft
from .overlay import MOST_NAMED
from .scratch import Folder
from .spec import TrialSpec
from .world import Places, real_home


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the frozen tree with the draft in it."""

    path: str
    snapshot: str
    target: str

    def touched(self) -> tuple[str, ...]:
        """Return the frozen paths that differ from the snapshot now, at most `MOST_NAMED`, sorted."""
        return tuple(sorted(islice(_differing(self), MOST_NAMED)))


def make(spec: TrialSpec, folder: Folder) -> Copy:
    """Copy the project into the trial's folder; inputs inside it become links to where they are."""
    top = folder.part("project")
    shutil.copytree(spec.snapshot, top, symlinks=True)
    for place, _, _ in os.walk(top):
        Path(place).chmod(0o777)
    draft.write_target(spec, folder, top)
    for relative in draft.inputs_below(spec):
        link_into(top, relative, str(Path(spec.root, relative)))
    return Copy(top, spec.snapshot, draft.checked_target(spec))


def link_into(top: str, relative: str, source: str) -> None:
    """Make a link to `source` at `relative` below `top`, unless something stands there."""
    draft.open_parents(top, relative)
    place = Path(top, relative)
    if not os.path.lexists(place):
        place.symlink_to(source)


def moved(spec: TrialSpec, copy: Copy) -> TrialSpec:
    """Return the specification with the repository's path replaced by the copy's, inputs excepted."""
    kept = tuple(os.path.normpath(path) for path in spec.readable)

    def there(text: str) -> str:
        relative = draft.below(text, spec.root)
        own = any(text == path or draft.below(text, path) is not None for path in kept)
        if own or (relative is None and text != spec.root):
            return text
        return str(Path(copy.path, relative or "."))

    return replace(spec, cwd=there(spec.cwd), argv=tuple(there(text) for text in spec.argv))


def places(spec: TrialSpec, folder: Folder) -> Places:
    """Return the trial's own folders at their real paths; inputs of the real home are linked into its own."""
    home = real_home()
    for path in spec.readable:
        relative = draft.below(os.path.normpath(path), home) if home else None
        if relative is not None and draft.below(os.path.normpath(path), spec.root) is None:
            _link_into_home(folder, relative, path)
    return Places(home=folder.part("home"), tmp=folder.part("tmp"), out=folder.part("out"))


def _link_into_home(folder: Folder, relative: str, source: str) -> None:
    place = Path(folder.part("home"))
    for part in Path(relative).parts[:-1]:
        place /= part
        if not place.exists():
            place.mkdir()
            folder.give(str(place), 0o755)
    link = Path(folder.part("home"), relative)
    if not os.path.lexists(link) and not place.is_symlink():
        link.symlink_to(source)


def _differing(copy: Copy) -> Iterator[str]:
    for place, folders, files in os.walk(copy.snapshot):
        names = files + [name for name in folders if Path(place, name).is_symlink()]
        for name in names:
            path = os.path.relpath(str(Path(place, name)), copy.snapshot)
            if path != copy.target and not _same(Path(copy.snapshot, path), Path(copy.path, path)):
                yield path


def _same(frozen: Path, copied: Path) -> bool:
    try:
        before, after = frozen.lstat(), copied.lstat()
        if stat.S_ISLNK(before.st_mode):
            return stat.S_ISLNK(after.st_mode) and frozen.readlink() == copied.readlink()
        same_kind = before.st_mode == after.st_mode and before.st_size == after.st_size
        return same_kind and filecmp.cmp(frozen, copied, shallow=False)
    except OSError:
        return False
