"""What the host itself sees of a trial: processes, mounts, control groups and names; no word of the trial's counts.

A zombie counts as dead: it holds nothing, and waits for its parent alone. The environment of a process that hides its
memory can be read by root alone; its number, command line and mounts can be read by all.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

PATIENCE = 60.0
_PAUSE = 0.01
_PUBLIC = ("/dev/shm", "/tmp", "/var/tmp")
_STATE, _PARENT, _BORN = 0, 1, 19
_Found = TypeVar("_Found")


class Process(NamedTuple):
    """A process for good: its number and when it was born, in clock ticks."""

    pid: int
    born: int


def until(look: Callable[[], _Found]) -> _Found:
    """Wait, for a bounded time, until `look` finds something, and return that."""
    limit = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(_PAUSE)
    return found


def gone(*looks: Callable[[], list[str]]) -> None:
    """Wait, for a bounded time, until one after the other names nothing; what one names to the end is the fault."""
    limit = time.monotonic() + PATIENCE
    for look in looks:
        while left := look():
            assert time.monotonic() < limit, f"left behind: {'; '.join(left)}"
            time.sleep(_PAUSE)


def numbers() -> Iterator[int]:
    """Yield every process, also those that are born while others are looked at: forking is no way to hide."""
    seen: set[int] = set()
    while new := {int(entry) for entry in os.listdir("/proc") if entry.isdigit()} - seen:
        yield from new
        seen |= new


def living(*, zombies: bool = False) -> dict[Process, int]:
    """Return every process with its parent's number; zombies where they are asked for."""
    found: dict[Process, int] = {}
    for pid in numbers():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            if zombies or fields[_STATE] not in {b"Z", b"X"}:
                found[Process(pid, int(fields[_BORN]))] = int(fields[_PARENT])
    return found


def below(pid: int, *, zombies: bool = False) -> set[Process]:
    """Return every living descendant of a process; zombies where they are asked for."""
    parents = living(zombies=zombies)
    found: set[Process] = set()
    front = {pid}
    while new := {process for process, parent in parents.items() if parent in front} - found:
        found |= new
        front = {process.pid for process in new}
    return found


def children(pid: int) -> list[int]:
    """Return the living children of a process."""
    return [process.pid for process, parent in living().items() if parent == pid]


def line_up_to(pid: int, top: int) -> list[int]:
    """Return the ancestors of a process, from its parent up to the child of `top`; empty if it has no such ancestor."""
    parents = {process.pid: parent for process, parent in living().items()}
    line: list[int] = []
    while (pid := parents.get(pid, 0)) not in {0, top}:
        line.append(pid)
    return line if pid == top else []


def carrying(*words: str) -> set[int]:
    """Return the processes whose command line holds all of these words."""
    found: set[int] = set()
    for pid in numbers():
        with suppress(OSError):
            text = Path(f"/proc/{pid}/cmdline").read_bytes()
            if all(word.encode() in text for word in words):
                found.add(pid)
    return found


def clean(token: str) -> None:
    """Kill and remove what a test that failed has left."""
    for pid in carrying(token):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for path in named(token):
        Path(path).unlink()


def program(pid: int) -> str:
    """Return the name of what a process executes, an empty text once it has gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    return ""


def deaf(pid: int) -> bool:
    """Whether a process ignores every signal that can be ignored."""
    ignorable = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    with suppress(OSError):
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        ignored = int(text.partition("SigIgn:")[2].split()[0], 16)
        return all(ignored >> (number - 1) & 1 for number in ignorable)
    return False


def hierarchies() -> Iterator[tuple[Path, str, set[str]]]:
    """Yield where control groups are mounted, the group seen there, and the controllers (none for version 2)."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            yield Path(fields.split()[4]), fields.split()[3], set(options.split(",")) if kind == "cgroup" else set()


def groups(pid: int) -> set[Path]:
    """Return the folders of the control groups that a process is in; one that just ends is shown in the topmost."""
    found: set[Path] = set()
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            wanted = set(filter(None, controllers.split(",")))
            for place, top, offered in hierarchies():
                if wanted <= offered and bool(wanted) == bool(offered):
                    found.add(place / os.path.relpath(path, top))
    return found


@dataclass(frozen=True, slots=True)
class Traces:
    """What some processes were, and held, at one moment."""

    processes: set[Process]
    groups: set[Path]

    def left(self) -> list[str]:
        """Name the processes that still live."""
        return [f"process {process.pid}" for process in self.processes & living().keys()]

    def left_groups(self) -> list[str]:
        """Name the control groups that are still there."""
        return [f"control group {path}" for path in self.groups if path.exists()]


def traces(processes: set[Process]) -> Traces:
    """Return these processes, and the control groups that they are in and this one is not."""
    folders = {path for process in processes for path in groups(process.pid)}
    topmost = {place for place, _, _ in hierarchies()}
    return Traces(processes, folders - groups(os.getpid()) - topmost)


def related(*words: str) -> list[str]:
    """Name the processes that are told one of these words by their command line or environment, or see it mounted."""
    found: list[str] = []
    for pid in numbers():
        for file in ("cmdline", "environ", "mountinfo"):
            with suppress(OSError):
                text = Path(f"/proc/{pid}/{file}").read_bytes()
                found += [f"process {pid} by its {file}" for word in words if word.encode() in text]
    return found


def named(token: str) -> list[str]:
    """Return the paths in the machine's public folders whose name holds a token."""
    return [f"{top}/{name}" for top in _PUBLIC for name in os.listdir(top) if token in name]
