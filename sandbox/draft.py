"""The draft's own layer: the target as it is to be measured, and mount points for inputs."""

import os
from pathlib import Path, PurePosixPath

from .errors import SandboxError
from .scratch import Folder
from .spec import TrialSpec


def below(path: str, root: str) -> str | None:
    """Return `path` relative to `root`, or None if it does not lie strictly below it."""
    try:
        relative = PurePosixPath(path).relative_to(root)
    except ValueError:
        return None
    return str(relative) if relative.parts else None


def checked_target(spec: TrialSpec) -> str:
    """Return the target's relative path.

    Raises:
        SandboxError: it would leave the tree.
    """
    parts = PurePosixPath(spec.target).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise SandboxError(f"target {spec.target!r}: expected a path inside the project, relative to its root")
    return str(PurePosixPath(spec.target))


def inputs_below(spec: TrialSpec) -> list[str]:
    """Return the inputs that lie in the project, relative to its root."""
    inside = (below(os.path.normpath(path), spec.root) for path in spec.readable)
    return sorted({path for path in inside if path is not None})


def open_parents(top: str, relative: str) -> bool:
    """Make the folders above `relative` below `top`, writable for everyone like the snapshot's.

    Returns False, with nothing touched behind it, where a link is in the way: it may lead to a person's own folder.
    """
    place = Path(top)
    place.chmod(0o777)
    for part in PurePosixPath(relative).parts[:-1]:
        place /= part
        if place.is_symlink():
            return False
        place.mkdir(exist_ok=True)
        place.chmod(0o777)
    return True


def write_target(spec: TrialSpec, folder: Folder, top: str) -> None:
    """Write the draft into `top`, owned by the trial, which may rewrite it; `open_parents` came before.

    Nothing is written where the specification has no draft: there is no target then.
    """
    if spec.target_text is None:
        return
    path = str(Path(top, checked_target(spec)))
    with open(path, "xb") as file:
        file.write(spec.target_text.encode("utf-8"))
    folder.give(path, spec.target_mode)


def write_mount_points(spec: TrialSpec, top: str) -> None:
    """Make an empty folder or file below `top` for every input that lies in the project."""
    for relative in inputs_below(spec):
        open_parents(top, relative)
        place = Path(top, relative)
        if Path(spec.root, relative).is_dir():
            place.mkdir(exist_ok=True)
        elif not place.is_dir():
            place.touch()
