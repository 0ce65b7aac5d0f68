"""The folder of one trial: made before it, removed after it whatever the trial left in it.

Guarantee: removal never follows a link and has no limit of depth; a folder that a killed supervisor left
behind is removed by the next trial. Edge: the folder is safe to walk only once nothing of the trial lives.
"""

import errno
import fcntl
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import SandboxError

_PREFIX = "trial-"
_PUBLIC = "/var/tmp/referee-trials"  # noqa: S108 - checked to be root's alone
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 50
WRITABLE = ("tmp", "home", "out")
_PARTS = ("tmp", "home", "out", "out/results", "draft")


@dataclass(frozen=True, slots=True)
class Folder:
    """One trial's folder and the user that owns what the trial may write in it.

    Attributes:
        path: Absolute path on the host.
        owner: The trial's user id when root runs it, else None.
        lock: Descriptor that holds the folder's lock for as long as this process lives.
    """

    path: str
    owner: int | None
    lock: int

    def part(self, *names: str) -> str:
        """Return the path of something in this folder."""
        return str(Path(self.path, *names))

    def give(self, path: str, mode: int) -> None:
        """Let the trial write to `path`: set its mode and, as root, its owner."""
        if self.owner is not None:
            os.chown(path, self.owner, self.owner, follow_symlinks=False)
        Path(path).chmod(mode)


def make(scratch: str, owner: int | None, *, entered: bool = True) -> Folder:
    """Make a new folder below `scratch`, and remove those whose supervisor is gone.

    Args:
        scratch: Where; made if need be.
        owner: The trial's user, or None for our own.
        entered: Whether the trial uses the folder at its own path. Where its user cannot get there
            (root's home is closed), a folder of root's below /var/tmp is used.

    Raises:
        OSError: the folder cannot be made.
    """
    Path(scratch).mkdir(parents=True, exist_ok=True)
    if entered and owner is not None and not reachable(scratch):
        scratch = _public()
    path = Path(scratch, _PREFIX + secrets.token_hex(8))
    turn = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # One at a time: a folder must not be swept between its making and its locking.
        fcntl.flock(turn, fcntl.LOCK_EX)
        sweep(scratch)
        path.mkdir(mode=0o711)
        folder = Folder(str(path), owner, _lock(str(path)))
    finally:
        os.close(turn)
    for part in _PARTS:
        Path(folder.part(part)).mkdir(mode=0o755)
    folder.give(folder.part("out/results"), 0o700)
    # bubblewrap enters it as a root without rights over others' folders, before it becomes the trial's user.
    folder.give(folder.part("home"), 0o711)
    folder.give(folder.part("out"), 0o755)
    folder.give(folder.part("tmp"), 0o1777)
    return folder


def reachable(path: str) -> bool:
    """Whether every folder above `path` lets any user through."""
    return all(parent.stat().st_mode & 0o001 for parent in Path(os.path.realpath(path)).parents)


def _public() -> str:
    path = Path(_PUBLIC)
    path.mkdir(mode=0o711, exist_ok=True)
    status = path.lstat()
    if status.st_uid != 0 or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
        raise OSError(errno.EPERM, f"{path} is not a folder that only root can write; remove it")
    return _PUBLIC


def _lock(path: str) -> int:
    descriptor = os.open(path, _FOLDER)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def sweep(scratch: str) -> None:
    """Remove the folders of trials that no living process holds."""
    for name in os.listdir(scratch):
        path = str(Path(scratch, name))
        if not name.startswith(_PREFIX):
            continue
        with suppress(OSError):
            descriptor = _lock(path)
            try:
                remove(path)
            finally:
                os.close(descriptor)


def remove(path: str) -> None:
    """Remove a folder and everything in it: closed folders, deep trees, odd names.

    Raises:
        OSError: something in it cannot be removed.
    """
    top = os.open(path, _FOLDER)
    try:
        os.fchmod(top, 0o700)
        waiting = _empty(top, top, _DEEPEST)
        while waiting:
            waiting += _remove_folder(waiting.pop(), top, top, _DEEPEST)
    finally:
        os.close(top)
    os.rmdir(path)


def _empty(folder: int, top: int, deeper: int) -> list[str]:
    """Remove what is in a folder; return the names under which what lies too deep was moved to `top`."""
    with os.scandir(folder) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    moved: list[str] = []
    for name, is_folder in entries:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError:
            moved += _remove_folder(name, folder, top, deeper)
    return moved


def _remove_folder(name: str, parent: int, top: int, deeper: int) -> list[str]:
    """Remove one folder that is not empty, or move it to `top` if it lies too deep."""
    os.chmod(name, 0o700, dir_fd=parent)
    if deeper == 0:
        fresh = f".{secrets.token_hex(12)}"
        os.rename(name, fresh, src_dir_fd=parent, dst_dir_fd=top)
        return [fresh]
    inner = os.open(name, _FOLDER, dir_fd=parent)
    try:
        moved = _empty(inner, top, deeper - 1)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=parent)
    return moved


def clear(folder: Folder) -> None:
    """Remove a trial's folder; nothing may be mounted in it any more.

    Raises:
        SandboxError: something in it could not be removed.
    """
    try:
        remove(folder.path)
    except OSError as error:
        raise SandboxError(f"the trial's folder {folder.path} could not be removed: {error}") from error
    finally:
        os.close(folder.lock)
