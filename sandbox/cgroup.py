"""Control groups: where one may be made, the kernel bounds a trial's memory and tasks and counts its CPU time.

Guarantee: a group is new, holds one trial, and lies where the bounds of the group that this process lives in go on
to hold; no group that we did not make is changed (`settle` aside, in one that was handed to us). Memory is all
that the kernel charges: private pages, memfds, tmpfs, page tables, and cached file pages, which it gives up
before it kills. Edge: a trial that may write the groups' files (backend `none`, same user) can leave its group.
"""

import errno
import fcntl
import os
import re
import secrets
import select
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import cgroup_v1, cgroup_v2
from .errors import SandboxError

_NAME = re.compile(r"referee-([0-9]{1,7})-[0-9a-f]{16}")
_MOST_TASKS = 1 << 22
_PATIENCE = 20.0
_PAUSE_MS = 2
_TRY_BYTES = 1 << 30
_DOES = {"memory": "bound memory", "pids": "bound the number of tasks", "cpu": "count CPU time"}


class Version(Protocol):
    """What differs between the versions of control groups; met by the modules `cgroup_v1` and `cgroup_v2`."""

    NUMBER: int
    CURRENT: str
    PEAK: str
    EVENTS: str
    CPU: str

    def parents(self, own: Mapping[str, str]) -> tuple[dict[str, str], str]:
        """Return the parent of a new group for each controller, and why memory is missing if it is."""
        ...

    def bound(self, folder: str, controller: str, memory_bytes: int, tasks: int) -> None:
        """Set the bounds of a new group."""

    def cpu_seconds(self, text: str) -> float:
        """Read the text of the file that counts CPU time."""
        ...


_VERSIONS: tuple[Version, ...] = (cgroup_v2, cgroup_v1)


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one trial: one folder, or one for each controller.

    Attributes:
        version: Which control groups these are.
        folders: The folder by what is in force there: `memory`, `pids` (processes and threads), `cpu` (counted only).
        locks: Descriptors that tell a `sweep` that the maker lives.
    """

    version: Version
    folders: Mapping[str, str]
    locks: list[int]

    def join(self) -> None:
        """Move the calling process into the group; for the forked child, before it gives up its user or any right.

        Raises:
            SandboxError: the kernel refused; the command must not be started.
        """
        for folder in self._distinct():
            try:
                Path(folder, "cgroup.procs").write_text("0", encoding="ascii")
            except OSError as error:
                raise SandboxError(f"the trial could not enter its control group {folder}: {error.strerror}") from error

    def memory_bytes(self) -> int | None:
        """Return the bytes charged now; None where memory is not in `folders`, or the group is gone."""
        return self._number("memory", self.version.CURRENT)

    def peak_memory_bytes(self) -> int | None:
        """Return the most bytes ever charged, cached file pages included; None where unknown (v2 before Linux 5.19)."""
        return self._number("memory", self.version.PEAK)

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of the group for its memory.

        How often the bound was met (`failcnt`) says nothing: every trial that reads enough files meets it.
        """
        return self._event("memory", self.version.EVENTS, "oom_kill")

    def refused_tasks(self) -> bool:
        """Whether the kernel refused the group a new process or thread, by our bound or one above it."""
        return self._event("pids", "pids.events", "max")

    def tasks(self) -> int | None:
        """Return the number of processes and threads, ended ones not yet collected included; None where unknown."""
        return self._number("pids", "pids.current")

    def cpu_seconds(self) -> float | None:
        """Return user and system time of all that ever ran in the group, waited for or not; None where unknown."""
        text = self._text("cpu", self.version.CPU)
        return None if text is None else self.version.cpu_seconds(text)

    def members(self) -> set[int]:
        """Return the ids of the processes in the group and in groups below it; 0 for one of another namespace."""
        texts: list[str] = []
        for folder in self._distinct():
            for inner in _inner_first(folder):
                with suppress(OSError):
                    texts.append(Path(inner, "cgroup.procs").read_text(encoding="ascii"))
        return {int(pid) for text in texts for pid in text.split()}

    def kill(self, seconds: float = _PATIENCE) -> None:
        """Kill everything in the group and return when it is empty; what ended may still wait to be collected.

        Raises:
            SandboxError: something was left after `seconds`, or could not be signalled.
        """
        limit = time.monotonic() + seconds
        while members := self.members():
            if time.monotonic() >= limit:
                raise SandboxError(f"still alive in the trial's control group after {seconds:g} s: {sorted(members)}")
            try:
                self._strike(members)
            except OSError as error:
                raise SandboxError(f"the trial's control group could not be killed: {error}") from error
            select.poll().poll(_PAUSE_MS)

    def remove(self, seconds: float = _PATIENCE) -> None:
        """Remove the group, waiting up to `seconds` for it to become empty; safe to call twice.

        Raises:
            SandboxError: it is still there; the message names its folder.
        """
        limit = time.monotonic() + seconds
        for folder in self._distinct():
            for inner in _inner_first(folder):
                _remove(inner, limit)
        while self.locks:
            os.close(self.locks.pop())

    def _distinct(self) -> list[str]:
        return list(dict.fromkeys(self.folders.values()))

    def _text(self, controller: str, file: str) -> str | None:
        if controller not in self.folders:
            return None
        try:
            return Path(self.folders[controller], file).read_text(encoding="ascii")
        except FileNotFoundError:
            return None

    def _number(self, controller: str, file: str) -> int | None:
        text = self._text(controller, file)
        return None if text is None else int(text)

    def _event(self, controller: str, file: str, key: str) -> bool:
        lines = (self._text(controller, file) or "").split("\n")
        return any(line.startswith(f"{key} ") and line != f"{key} 0" for line in lines)

    def _strike(self, members: set[int]) -> None:
        switches = [path for folder in self._distinct() if (path := Path(folder, "cgroup.kill")).exists()]
        for switch in switches:
            switch.write_text("1", encoding="ascii")
        # Number 0 stands for a process outside our process namespace; for `kill` it would mean ourselves.
        for pid in () if switches else members - {0}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def make(memory_bytes: int, tasks: int) -> Group | None:
    """Make a group for one trial, bounded as far as it can be; None, with no trace left, where none may be made.

    Args:
        memory_bytes: Memory without swap; in force where `memory` is in the group's `folders`.
        tasks: Processes and threads; in force where `pids` is in the group's `folders`.
    """
    name = _new_name()
    for version, parents, _ in _plans():
        folders: dict[str, str] = {}
        locks: list[int] = []
        for parent in dict.fromkeys(parents.values()):
            folder = f"{parent}/{name}"
            controllers = [controller for controller in parents if parents[controller] == parent]
            with suppress(OSError):
                locks.append(_make(version, folder, controllers, memory_bytes, min(tasks, _MOST_TASKS)))
                folders |= dict.fromkeys(controllers, folder)
        if folders:
            return Group(version, folders, locks)
    return None


def settle() -> bool:
    """Prepare for `make` where this process is alone in a group delegated to it; for a server, before its first child.

    Only then may it be moved into a group of its own, which version 2 asks for before trials can have bounds.
    Returns whether it was moved.
    """
    own = cgroup_v1.own().get("")
    return own is not None and cgroup_v2.settle(own, _new_name())


def sweep() -> None:
    """Remove groups where `make` would make them that are empty and whose maker is gone; no others."""
    for parent in places():
        for name in os.listdir(parent):
            match = _NAME.fullmatch(name)
            if match and not Path("/proc", match[1]).exists():
                with suppress(OSError):
                    _remove_abandoned(f"{parent}/{name}")


def describe() -> str:
    """Say in a sentence what control groups do for trials here, and why no more; found by making one."""
    why = "; ".join(reason for _, _, reason in _plans() if reason) or "no hierarchy of control groups can be seen"
    group = make(_TRY_BYTES, _MOST_TASKS)
    if group is None:
        return f"no control group can be made here: {why}"
    group.remove()
    does = ", ".join(text for controller, text in _DOES.items() if controller in group.folders)
    lacks = "" if "memory" in group.folders else f", and do not bound memory: {why}"
    return f"control groups (version {group.version.NUMBER}) {does}{lacks}"


def places() -> set[str]:
    """Return the folders in which `make` may make groups."""
    return {parent for _, parents, _ in _plans() for parent in parents.values()}


def _plans() -> list[tuple[Version, dict[str, str], str]]:
    """Return for each version where it may make groups and why not more; the one that bounds most comes first."""
    own = cgroup_v1.own()
    plans = [(version, *version.parents(own)) for version in _VERSIONS]
    return sorted(plans, key=lambda plan: ("memory" in plan[1], len(plan[1])), reverse=True)


def _new_name() -> str:
    return f"referee-{os.getpid()}-{secrets.token_hex(8)}"


def _make(version: Version, folder: str, controllers: list[str], memory_bytes: int, tasks: int) -> int:
    """Make one folder with its bounds, or none, and return its lock."""
    os.mkdir(folder, 0o755)
    lock = None
    try:
        lock = _lock(folder)
        for controller in controllers:
            version.bound(folder, controller, memory_bytes, tasks)
    except OSError:
        os.rmdir(folder)
        if lock is not None:
            os.close(lock)
        raise
    return lock


def _lock(folder: str) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(folder: str) -> None:
    """Remove a folder whose lock is free; the kernel refuses it if a process is in it."""
    lock = _lock(folder)
    try:
        for inner in _inner_first(folder):
            os.rmdir(inner)
    finally:
        os.close(lock)


def _inner_first(folder: str) -> list[str]:
    return [path for path, _, _ in os.walk(folder, topdown=False)]


def _remove(folder: str, limit: float) -> None:
    while True:
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= limit:
                raise SandboxError(f"the trial's control group {folder} could not be removed: {error}") from error
            select.poll().poll(_PAUSE_MS)
        else:
            return
