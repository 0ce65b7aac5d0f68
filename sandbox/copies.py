"""The project as a copy per trial, for backends that cannot mount; and the trial's own folders beside it.

Guarantee: after the run every frozen file is compared with the snapshot, kind, mode and content, and is still the
file that was copied, never renamed or written since: one that was changed and put back is found. Edge: the
trial sees the copy's path, not the repository's; arguments that name the repository are rewritten to it.
"""

import filecmp
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from . import draft
from .overlay import MOST_NAMED
from .scratch import WRITABLE, Folder
from .spec import TrialSpec
from .world import Places, real_home


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the frozen tree with the draft in it; `marks` tells for each frozen path which file was made there."""

    path: str
    snapshot: str
    target: str
    marks: Mapping[str, tuple[int, int]]

    def place(self, spec: TrialSpec, folder: Folder) -> None:
        """Write the draft into the copy."""
        draft.write_target(spec, folder, self.path)

    def written(self, folder: Folder) -> tuple[str, ...]:
        """Return the folders that the trial may write."""
        return (self.path, *(folder.part(name) for name in WRITABLE))

    def touched(self) -> tuple[str, ...]:
        """Return the frozen paths that differ from the snapshot now, at most `MOST_NAMED`, sorted."""
        return tuple(sorted(islice(_differing(self), MOST_NAMED)))


def make(spec: TrialSpec, folder: Folder) -> Copy:
    """Copy the project into the trial's folder; inputs inside it become links to where they are."""
    top = folder.part("project")
    for layer in (spec.snapshot, spec.private, folder.part("artifacts")):
        if layer and os.path.isdir(layer):
            shutil.copytree(layer, top, symlinks=True, dirs_exist_ok=True)
    for place, _, _ in os.walk(top):
        Path(place).chmod(0o777)
    draft.open_parents(top, draft.checked_target(spec))
    for relative in draft.inputs_below(spec):
        link_into(top, relative, str(Path(spec.root, relative)))
    target = draft.checked_target(spec)
    marks = {path: _mark(Path(top, path)) for path in _frozen(spec.snapshot) if path != target}
    return Copy(top, spec.snapshot, target, marks)


def link_into(top: str, relative: str, source: str) -> None:
    """Make a link to `source` at `relative` below `top`, unless something stands there."""
    place = Path(top, relative)
    if draft.open_parents(top, relative) and not os.path.lexists(place):
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


def _frozen(snapshot: str) -> Iterator[str]:
    """Yield the files and links of a snapshot, relative to it."""
    for place, folders, files in os.walk(snapshot):
        for name in files + [name for name in folders if Path(place, name).is_symlink()]:
            yield os.path.relpath(str(Path(place, name)), snapshot)


def _mark(path: Path) -> tuple[int, int]:
    """Return what changes when a file is replaced, renamed or written, and cannot be put back."""
    status = path.lstat()
    return status.st_ino, status.st_ctime_ns


def _differing(copy: Copy) -> Iterator[str]:
    for path, mark in copy.marks.items():
        copied = Path(copy.path, path)
        if not _same(Path(copy.snapshot, path), copied) or _mark(copied) != mark:
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
