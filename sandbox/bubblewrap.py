"""The strongest backend: bubblewrap with namespaces, a system call filter, and a private user where root runs it.

Guarantee: the trial sees only the allow-list of `view`, has no capability, no network unless asked for, and
ends with its process namespace. As root it becomes a user that nobody else is: bubblewrap alone
would leave /proc/sys writable for root. Edge: the kernel itself is trusted.
"""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from . import caches, gpu, inputs, kernel, overlay, seccomp, view
from .errors import SandboxError
from .scratch import Folder
from .spec import TrialSpec
from .world import World, environment

_PROGRAMS = ("/usr/bin/bwrap", "/usr/local/bin/bwrap")
_SETPRIV = "/usr/bin/setpriv"
_NAMESPACES = (
    "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
    "--unshare-cgroup-try", "--hostname", "trial",
)  # fmt: skip
_RENAMED = "1000"
_KEEP_FOR_SETPRIV = ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")


def program() -> str | None:
    """Return the bubblewrap that may be used: a fixed path, never a set-uid one."""
    for path in _PROGRAMS:
        if Path(path).is_file() and not Path(path).stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
            return path
    return None


def missing() -> str:
    """Say what this backend lacks on this machine at first sight; an empty text if nothing."""
    if program() is None:
        if any(Path(path).is_file() for path in _PROGRAMS):
            return "bubblewrap is installed set-uid, which is refused; remove that bit: chmod u-s /usr/bin/bwrap"
        return "bubblewrap is not installed; install it: apt install bubblewrap, dnf install bubblewrap"
    if os.geteuid() == 0 and not Path(_SETPRIV).is_file():
        return f"{_SETPRIV} is missing, which root needs to give up its rights; install util-linux"
    return ""


def build(spec: TrialSpec, folder: Folder) -> World:
    """Build the world of one trial; the calling process enters its own mount namespace."""
    return _build(spec, folder, nested=True)


def build_in_container(spec: TrialSpec, folder: Folder) -> World:
    """Build it where /proc/sys is read-only, so that user namespaces are refused by the filter alone."""
    return _build(spec, folder, nested=False)


def _build(spec: TrialSpec, folder: Folder, *, nested: bool) -> World:
    bwrap = program()
    if bwrap is None:
        raise SandboxError(missing())
    try:
        kernel.private_mounts()
    except OSError as error:
        raise SandboxError(f"no private mounts: {error}") from error
    project = overlay.mount(spec, folder)
    own_caches = caches.mount(spec, folder, project)
    shared = overlay.shared_memory(spec, folder)
    status_out, status_in = os.pipe()
    gate = os.pipe()
    options = [*_NAMESPACES, *_privileges(folder, nested=nested), *([] if spec.network else ["--unshare-net"])]
    options += view.arguments(spec, folder, project.merged, shared, inputs.layer(spec, folder))
    # With the machine's network come its abstract Unix sockets: a desktop's, a message bus's.
    filter_file = _file(seccomp.build("internet" if spec.network else "local"))
    options += ["--seccomp", str(filter_file), "--json-status-fd", str(status_in), "--chdir", spec.cwd]
    options += ["--block-fd", str(gate[0])]
    argument_file = _file(b"\0".join(os.fsencode(option) for option in options) + b"\0")
    return World(
        argv=(bwrap, "--args", str(argument_file), "--", *_drop(spec, folder), *spec.argv),
        env=environment(spec, view.places(spec)),
        keep=(argument_file, filter_file, status_in, gate[0]),
        enter=_nothing,
        place=lambda order: project.place(order, folder),
        touched=project.touched,
        written=(*project.written(folder), *own_caches.written),
        memory_mounts=(shared, *project.memory_mounts),
        gate=gate,
        waits=True,
        fault=_status_reader(status_out, status_in),
        shells=True,
        caches=own_caches.left,
        left=project.upper,
    )


def _privileges(folder: Folder, *, nested: bool) -> tuple[str, ...]:
    if folder.owner is not None:
        return _KEEP_FOR_SETPRIV
    # The root of a container that knows no other user is renamed: nothing in the trial is to be root.
    renamed = ("--uid", _RENAMED, "--gid", _RENAMED) if os.geteuid() == 0 else ()
    return ("--unshare-user", *(("--disable-userns",) if nested else ()), *renamed, "--cap-drop", "ALL")


def _drop(spec: TrialSpec, folder: Folder) -> tuple[str, ...]:
    if folder.owner is None:
        return ()
    user = str(folder.owner)
    lent = ",".join(map(str, gpu.groups(gpu.nodes(spec.gpus))))
    identity = ("--reuid", user, "--regid", user, *(("--groups", lent) if lent else ("--clear-groups",)))
    return (_SETPRIV, *identity, "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs", "--")


def _file(content: bytes) -> int:
    """Return a descriptor from which `content` can be read; command lines are public, this is not."""
    descriptor = os.memfd_create("referee")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _status_reader(reading: int, writing: int) -> Callable[[], str]:
    """Return what tells, after the end, whether bubblewrap got as far as the command."""

    def fault() -> str:
        os.close(writing)
        with open(reading, encoding="ascii") as status:
            lines = [json.loads(line) for line in status if line.strip()]
        return "" if any("exit-code" in line for line in lines) else "bubblewrap could not set up the trial"

    return fault


def _nothing() -> None:
    """Nothing is left to do between fork and exec."""
