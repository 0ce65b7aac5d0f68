"""The backend for machines without namespaces, default containers above all: Landlock and a system call filter.

Guarantee: files outside the allow-list can be neither read nor written; no socket can be made without network;
processes outside cannot be signalled (kernel 6.12) or traced; as root the trial becomes a user nobody else is.
Edge: other processes' names can be seen; where nothing can be mounted, an ordinary user's trial can change modes
and times of that user's files, and has no shared memory; with GPUs it can write in /proc what that user may, such as
the weight of the user's other processes when memory runs out.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import caches, copies, gpu, kernel, overlay, seccomp, shared_memory, view
from .draft import inputs_below
from .errors import SandboxError
from .scratch import WRITABLE, Folder
from .spec import TrialSpec
from .ways import NO_WAYS, through
from .world import World, environment

# Rights and the version that brought them: include/uapi/linux/landlock.h and its documentation, Linux 6.12.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK, _REFER, _TRUNCATE, _IOCTL_DEV = 1 << 6, 1 << 11, 1 << 13, 1 << 14, 1 << 15
_FIRST_RIGHTS = (1 << 13) - 1
_TCP = 0b11
_SCOPES = 0b11
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_TRUNCATE_ABI, _TCP_ABI, _SCOPE_ABI = 3, 4, 6


@dataclass(frozen=True, slots=True)
class Rights:
    """What a Landlock version can handle, and the size of its attribute structure."""

    files: int
    network: int
    scoped: int
    size: int


def rights(abi: int) -> Rights:
    """Return the rights of a Landlock version; later ones than known are treated as the last known."""
    files = _FIRST_RIGHTS
    for since, right in ((2, _REFER), (_TRUNCATE_ABI, _TRUNCATE), (5, _IOCTL_DEV)):
        files |= right if abi >= since else 0
    network = _TCP if abi >= _TCP_ABI else 0
    scoped = _SCOPES if abi >= _SCOPE_ABI else 0
    return Rights(files, network, scoped, 8 * (1 + (abi >= _TCP_ABI) + (abi >= _SCOPE_ABI)))


def missing() -> str:
    """Say what this backend lacks on this machine at first sight; an empty text if nothing."""
    if kernel.landlock_abi() == 0:
        return "the kernel has no Landlock (needs Linux 5.13, with landlock in the lsm= list)"
    return ""


def build_mounted(spec: TrialSpec, folder: Folder) -> World:
    """Build the world of one trial with the project mounted at its own path, where the trial's user can reach that.

    Raises:
        SandboxError: the machine does not allow it.
    """
    try:
        kernel.private_mounts()
    except OSError as error:
        raise SandboxError(f"no private mounts: {error}") from error
    project = overlay.mount(spec, folder)
    own_caches = caches.mount(spec, folder, project)
    shared = overlay.shared_memory(spec, folder)

    def enter() -> None:
        _mount_view(spec, folder, project.merged, shared)
        _confine(spec, folder, spec.root, shared=True)

    return World(
        argv=spec.argv,
        env=environment(spec, copies.places(spec, folder)),
        keep=(),
        enter=enter,
        place=lambda order: project.place(order, folder),
        touched=project.touched,
        written=(*project.written(folder), *own_caches.written),
        memory_mounts=(shared, *project.memory_mounts),
        caches=own_caches.left,
        left=project.upper,
    )


def build_copy(spec: TrialSpec, folder: Folder) -> World:
    """Build it without any mount."""
    project = copies.make(spec, folder)
    own_caches = caches.copy(spec, folder, project.path)
    there = copies.moved(spec, project)

    def enter() -> None:
        _confine(there, folder, project.path, shared=folder.owner is not None)

    return World(
        argv=there.argv,
        env=environment(spec, copies.places(spec, folder)),
        keep=(),
        enter=enter,
        place=lambda order: project.place(order, folder),
        touched=project.touched,
        written=project.written(folder),
        caches=own_caches.left,
        left=project.path,
    )


def _mount_view(spec: TrialSpec, folder: Folder, merged: str, shared: str) -> None:
    """Put the project at the repository's own path and make all but it and the trial's folders read-only.

    Holds for this process and its children alone. Landlock grants a right to all below a folder, mounts included:
    inputs inside the project stay read-only by their mount.
    """
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.set_read_only("/", recursive=True)
    # Taken now: once the project is mounted, the inputs inside it cannot be named any more.
    inputs = [(relative, os.open(Path(spec.root, relative), os.O_PATH)) for relative in inputs_below(spec)]
    # An ordinary user's trial is that user, whom nothing on the way is closed to.
    ways = through(spec.root, spec.readable) if folder.owner is not None else NO_WAYS
    ways.open()
    own = [(folder.part(name),) * 2 for name in WRITABLE]
    for source, place in [*own, (shared, shared_memory.PLACE), (merged, spec.root)]:
        kernel.mount(source, place, "", kernel.MS_BIND | kernel.MS_REC)
        kernel.set_writable(place)
    for cache in caches.places(spec, folder, spec.root):
        kernel.set_writable(cache)
    if spec.gpus != ():
        kernel.set_writable("/proc")
    for relative, descriptor in inputs:
        kernel.mount(f"/proc/self/fd/{descriptor}", str(Path(spec.root, relative)), "", kernel.MS_BIND | kernel.MS_REC)
    ways.close()


def _confine(spec: TrialSpec, folder: Folder, project: str, *, shared: bool) -> None:
    """Give everything up, in the order in which it is still possible."""
    abi = kernel.landlock_abi()
    able = rights(abi)
    os.chdir(spec.cwd)
    kernel.no_new_privileges()
    ruleset = kernel.landlock_ruleset(able.files, 0 if spec.network else able.network, able.scoped, able.size)
    for path, wanted in _allowed(spec, folder, project, able.files, shared=shared):
        _allow(ruleset, path, wanted)
    if folder.owner is not None:
        os.setgroups(gpu.groups(gpu.nodes(spec.gpus)))
        os.setresgid(folder.owner, folder.owner, folder.owner)
        os.setresuid(folder.owner, folder.owner, folder.owner)
    kernel.die_with_parent(signal.SIGKILL)
    kernel.landlock_enforce(ruleset)
    os.close(ruleset)
    if not os.access(spec.argv[0], os.X_OK):
        raise SandboxError("the trial's user cannot reach it; install it outside of root's home, or install bubblewrap")
    also = () if abi >= _TRUNCATE_ABI else ("truncate",)
    kernel.install_filter(seccomp.build("internet" if spec.network else "none", also=also))


def _allowed(spec: TrialSpec, folder: Folder, project: str, able: int, *, shared: bool) -> Iterator[tuple[str, int]]:
    every = able & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV)
    for path in (*view.SYSTEM, "/proc", *spec.readable):
        yield path, _READ
    for name in _DEVICES:
        yield f"/dev/{name}", able & (_READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV)
    for path in (project, *(folder.part(name) for name in WRITABLE)):
        yield path, every
    if spec.link:
        yield spec.link, _READ_FILE | _READ_DIR | _WRITE_FILE
    if shared:
        yield shared_memory.PLACE, every & ~_EXECUTE
    if spec.gpus != ():
        yield from _drivers(spec, folder, able)


def _drivers(spec: TrialSpec, folder: Folder, able: int) -> Iterator[tuple[str, int]]:
    """What a trial needs for its GPUs."""
    for node in gpu.nodes(spec.gpus):
        yield node, able & (_READ_FILE | _WRITE_FILE | _IOCTL_DEV)
        if (beside := str(Path(node).parent)) != "/dev":
            yield beside, _READ_DIR
    for path in gpu.readable(spec.gpus):
        yield path, _READ
    if folder.owner is not None or os.geteuid() != 0:
        # CUDA names its threads by /proc/self/task/*/comm and fails where it cannot; no narrower rule can say that.
        yield "/proc", _WRITE_FILE


def _allow(ruleset: int, path: str, wanted: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        only = (
            wanted if Path(path).is_dir() else wanted & (_EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV)
        )
        kernel.landlock_allow(ruleset, descriptor, only)
    finally:
        os.close(descriptor)
