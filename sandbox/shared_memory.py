"""What trials leave in the machine's shared memory where they have none of their own: Landlock without mounts, as root.

Guarantee: nothing of a trial is there when its world is gone; what a trial left whose processes were all killed is
removed by the next one. Only files of users that exist for one trial are touched.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from . import limits, scratch

PLACE = "/dev/shm"  # noqa: S108 - where the C library puts semaphores


def remove(owner: int) -> None:
    """Remove what a user that existed for one trial alone left; nothing of the trial may live."""
    _remove(lambda user: user == owner)


def sweep() -> None:
    """Remove what is left of trials whose process is gone."""
    _remove(limits.is_left_over)


def _remove(chosen: Callable[[int], bool]) -> None:
    left: list[str] = []
    with os.scandir(PLACE) as entries:
        for entry in entries:
            # Others come and go there.
            with suppress(FileNotFoundError):
                left += [entry.path] if chosen(entry.stat(follow_symlinks=False).st_uid) else []
    for path in left:
        if Path(path).is_dir() and not Path(path).is_symlink():
            scratch.remove(path)
        else:
            Path(path).unlink(missing_ok=True)
