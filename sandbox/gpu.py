"""Which device nodes a trial gets for the GPUs that were asked for, and whether it could use them.

Guarantee: a GPU that is not there is a fault, never fewer GPUs. Edge: a node is a door to its driver; what the driver
lets a program do with a GPU is not bounded here, and a GPU is shared with whoever else uses it.
"""

import grp
import os
import stat

from . import gpu_layout
from .errors import SandboxError, SandboxUnavailableError
from .gpu_layout import HERE, Gpu, Machine, is_device

_READ, _READ_WRITE = 0o4, 0o6
_NOBODY = 65534
_REMEDIES = {
    "nvidiactl": "load NVIDIA's driver: sudo nvidia-modprobe -c=0",
    "nvidia-uvm": "CUDA needs it: sudo nvidia-modprobe -u -c=0",
}
_NONE = (
    "expected NVIDIA's nvidia0, AMD's kfd with dri/renderD128, or WSL's dxg. Make nvidia-smi or rocminfo work here "
    "first (a container: start it with --gpus all), or write gpu: none"
)


def present(machine: Machine = HERE) -> bool:
    """Whether there is any GPU, usable or not."""
    return bool(gpu_layout.numbered(machine) or gpu_layout.together(machine))


def nodes(gpus: tuple[int, ...] | None, machine: Machine = HERE) -> tuple[str, ...]:
    """Return the paths of the device nodes for these GPUs; None stands for all.

    Raises:
        SandboxError: one of them is not there, or with None not a single one.
    """
    chosen = _chosen(gpus, machine)
    needed = [path for gpu in chosen for path in (gpu.node, *gpu.needs) if is_device(path)]
    useful = [path for gpu in chosen for path in gpu.uses if is_device(path) and _may_open(path)]
    return tuple(dict.fromkeys((*needed, *useful)))


def readable(gpus: tuple[int, ...] | None, machine: Machine = HERE) -> tuple[str, ...]:
    """Return what the drivers of GPUs read outside the usual system folders; nothing where no GPU is asked for."""
    return () if gpus == () else gpu_layout.facts(machine)


def groups(paths: tuple[str, ...]) -> tuple[int, ...]:
    """Return the groups that let a private user open those nodes that are not open to everybody; never root's."""
    return tuple(sorted({os.lstat(path).st_gid for path in paths if _by_group(path)}))


def missing(gpus: tuple[int, ...] | None, machine: Machine = HERE) -> str:
    """Say why a trial could not use these GPUs here, and what to do; an empty text if nothing is known to be wrong."""
    try:
        chosen = _chosen(gpus, machine)
    except SandboxError as error:
        return str(error)
    for path in dict.fromkeys(path for gpu in chosen for path in (gpu.node, *gpu.needs)):
        if not is_device(path):
            return f"{path} is missing; {_REMEDIES[os.path.basename(path)]}"
        if not _may_open(path):
            return _closed(path)
    return ""


def refuse_missing(gpus: tuple[int, ...] | None, machine: Machine = HERE) -> None:
    """Refuse GPUs that a trial could not use here.

    Raises:
        SandboxUnavailableError: the message says what is missing and how to mend it.
    """
    if reason := missing(gpus, machine):
        raise SandboxUnavailableError(f"sandbox.gpu: {reason}.")


def _chosen(gpus: tuple[int, ...] | None, machine: Machine) -> tuple[Gpu, ...]:
    if gpus == ():
        return ()
    single, whole = gpu_layout.numbered(machine), gpu_layout.together(machine)
    if not single and not whole:
        raise SandboxError(f"found no GPU in {machine.dev}, {_NONE}")
    if gpus is None:
        return (*single, *whole)
    if not single:
        raise SandboxError(f"found {whole[0].node}, which stands for all GPUs of WSL, expected single ones: write all")
    if unknown := [index for index in gpus if index >= len(single)]:
        known = ", ".join(f"{index} ({gpu.node})" for index, gpu in enumerate(single))
        raise SandboxError(f"found {known}, expected {', '.join(map(str, unknown))}: name only what is there, or all")
    return tuple(single[index] for index in gpus)


def _wanted(path: str) -> int:
    """How a node is opened: those of MIG instances are only read."""
    return _READ if os.path.basename(os.path.dirname(path)) == gpu_layout.INSTANCES else _READ_WRITE


def _may_open(path: str) -> bool:
    """Whether a trial may: an ordinary user's trial is that user, root's is nobody in particular."""
    if os.geteuid() != 0:
        return os.access(path, _wanted(path))
    return _by_all(path) or _by_group(path)


def _by_all(path: str) -> bool:
    return os.lstat(path).st_mode & _wanted(path) == _wanted(path)


def _by_group(path: str) -> bool:
    """Whether the group of a node is needed and enough to open it, and may be lent to a private user."""
    status, wanted = os.lstat(path), _wanted(path)
    return not _by_all(path) and status.st_mode >> 3 & wanted == wanted and status.st_gid not in {0, _NOBODY}


def _closed(path: str) -> str:
    status = os.lstat(path)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}, group {group}"
    if os.geteuid() == 0:
        return f"{path} is open to root alone ({mode}), and no trial is root: chgrp video {path} && chmod 0660 {path}"
    if _by_group(path):
        return f"you may not open {path} ({mode}); join its group and log in again: sudo usermod -aG {group} $USER"
    return f"you may not open {path} ({mode}); open it to a group of yours: sudo chgrp NAME {path}"
