"""Start one command and prove that everything it started is dead.

Guarantee of `kill_all`: when it returns, this process has no descendant left. It must be a child subreaper, so
that orphans become its children; the end of a process namespace's first process is the end of them all.
"""

import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from . import kernel, limits
from .cgroup import Group
from .errors import SandboxError
from .spec import Limits
from .world import World

_PATIENCE = 20.0
_MOST_WATCHED = 16
_MOST_FDS = 1 << 20


@dataclass(frozen=True, slots=True)
class Running:
    """A started command: its process, the reading ends of its output, and its gate."""

    pid: int
    watch: int
    stdout: int
    stderr: int
    gate: int
    faults: int

    def release(self) -> None:
        """Let the command be executed.

        Raises:
            SandboxError: the world could not be entered, or its program not be executed.
        """
        with suppress(BrokenPipeError):
            os.write(self.gate, b"\n")
        os.close(self.gate)
        with open(self.faults, encoding="utf-8", errors="replace") as faults:
            if fault := faults.read():
                raise SandboxError(fault)


def start(world: World, owner: int | None, bounds: Limits, group: Group | None) -> Running:
    """Start `world.argv` with no input, two output pipes and no descriptor beyond those it keeps, up to its gate."""
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    fault_read, fault_write = os.pipe()
    if owner is not None:
        for descriptor in (out_write, err_write):
            os.fchown(descriptor, owner, owner)
    pid = os.fork()
    if pid == 0:
        _become(world, owner, bounds, group, out_write, err_write, fault_write)
    for descriptor in (out_write, err_write, fault_write, world.gate[0]):
        os.close(descriptor)
    for descriptor in (out_read, err_read):
        os.set_blocking(descriptor, False)
    return Running(pid, os.pidfd_open(pid), out_read, err_read, world.gate[1], fault_read)


def _become(
    world: World, owner: int | None, bounds: Limits, group: Group | None, out: int, err: int, fault: int
) -> NoReturn:
    """Turn the forked child into the command."""
    message = "unexpected fault, see standard error"
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        for source, place in ((null, 0), (out, 1), (err, 2)):
            os.dup2(source, place, inheritable=True)
        kernel.close_on_exec_from(3)
        # While it waits at its gate, nothing that tells others of a death may stay open in it.
        _close_all_but({0, 1, 2, fault, world.gate[0], *world.keep})
        for descriptor in world.keep:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - it takes no keyword
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        if group is not None:
            group.join()
        limits.in_child(bounds, owner)
        world.enter()
        if not world.waits and not os.read(world.gate[0], 1):
            os._exit(0)
        os.execve(world.argv[0], world.command, world.env)  # noqa: S606 - no shell is wanted
    except (OSError, SandboxError, ValueError) as error:
        message = str(error)
    finally:
        # Reached only if the command did not take this process over; it must not go on as what it was forked from.
        try:
            os.write(fault, f"{world.argv[0]} could not be started: {message}".encode("utf-8", "replace"))
        finally:
            os._exit(127)


def _close_all_but(kept: set[int]) -> None:
    for before, after in pairwise([*sorted(kept), _MOST_FDS]):
        # An empty range would be taken for all there are.
        if before + 1 < after:
            os.closerange(before + 1, after)


def kill_all(seconds: float = _PATIENCE, spare: frozenset[int] = frozenset()) -> dict[int, int]:
    """Kill every descendant and wait until none is left; return the wait status of each child by pid.

    Children in `spare` and their descendants are left alone.

    Raises:
        SandboxError: something was still alive after `seconds`.
    """
    ended: dict[int, int] = {}
    limit = time.monotonic() + seconds
    while living := _living(spare):
        if time.monotonic() > limit:
            alive = ", ".join(str(child) for child in living)
            raise SandboxError(f"the trial could not be proven dead within {seconds:g} s; still alive: {alive}")
        for child in living:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if not _reap(living, ended):
            _wait_for_one(living, limit - time.monotonic())
    return ended


def _wait_for_one(pids: list[int], seconds: float) -> None:
    """Wait until one of these children has ended, for a bounded time."""
    watches = [os.pidfd_open(pid) for pid in pids[:_MOST_WATCHED]]
    poller = select.poll()
    for watch in watches:
        poller.register(watch, select.POLLIN)
    poller.poll(max(0.0, seconds) * 1000)
    for watch in watches:
        os.close(watch)


def _living(spare: frozenset[int]) -> list[int]:
    return [child for child in children() if child not in spare]


def _reap(living: list[int], ended: dict[int, int]) -> bool:
    """Collect those that have ended; True if there was any."""
    before = len(ended)
    for child in living:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            ended[pid] = status
    return len(ended) > before


def children() -> list[int]:
    """Return the direct children of this process, those that ended and were not collected included."""
    own = os.getpid()
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{own}/children").read_text("ascii").split()]
    except FileNotFoundError:
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _parent(pid) == own]


def _parent(pid: int) -> int:
    """Return a process's parent; needed where the kernel was built without lists of children."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return 0
