"""Inputs behind a layer of their own, in which a socket leads to nobody and a lock is no lock of the file below.

A read-only bind would let a trial connect to a socket in an input, and hold up whoever wants its locks. Edge: an input
that is a file, holds mounts of its own, or lies on a file system that cannot be layered is shown as it is.
"""

import os
from contextlib import suppress
from pathlib import Path

from . import kernel
from .draft import below
from .scratch import Folder
from .spec import TrialSpec

_TOP = "inputs"


def layer(spec: TrialSpec, folder: Folder) -> dict[str, str]:
    """Mount the inputs in the trial's folder and return where, by path; needs a mount namespace of one's own."""
    top = Path(folder.part(_TOP))
    (top / "empty").mkdir(parents=True)
    mounted = [os.fsdecode(line.split()[4]) for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
    found: dict[str, str] = {}
    here = Path.cwd()
    os.chdir(top)
    try:
        for number, path in enumerate(spec.readable):
            if not Path(path).is_dir() or any(below(place, os.path.realpath(path)) for place in mounted):
                continue
            # By names of our own: no character of a person's paths can end an option.
            Path(f"{number}.lower").symlink_to(path)
            Path(str(number)).mkdir()
            with suppress(OSError):
                kernel.mount("overlay", str(number), "overlay", _FLAGS, f"lowerdir=empty:{number}.lower{_options()}")
                found[path] = str(top / str(number))
    finally:
        os.chdir(here)
    return found


def unmount(folder: Folder) -> None:
    """Unmount what `layer` mounted; a folder without it is left alone."""
    with suppress(FileNotFoundError):
        for name in os.listdir(folder.part(_TOP)):
            if name.isdigit():
                kernel.detach(folder.part(_TOP, name))


_FLAGS = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV


def _options() -> str:
    return "" if kernel.in_first_user_namespace() else ",userxattr"
