"""Control groups version 1: one hierarchy for each controller, each used where it can be written.

Edge: the kernel kills single processes that go beyond the memory, not the group; whoever watches the trial ends
the rest. Where swap is not accounted, the group is kept from swapping instead. A new group in a hierarchy that
also shares out processor time counts there as one process does.
Source: Linux, Documentation/admin-guide/cgroup-v1/memory.rst, pids.rst, cpuacct.rst.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

CURRENT: str = "memory.usage_in_bytes"
PEAK: str = "memory.max_usage_in_bytes"
EVENTS: str = "memory.oom_control"
CPU: str = "cpuacct.usage"
NUMBER: int = 1

_CONTROLLERS = {"memory": "memory", "pids": "pids", "cpuacct": "cpu"}
# A hierarchy with any other (`cpuset` above all) starts new groups with settings that refuse every process.
_SAFE = frozenset({"memory", "pids", "cpuacct", "cpu"})
_OCTAL = re.compile(r"\\([0-7]{3})")


def located(groups: str, mounts: str) -> list[tuple[str, str]]:
    """Return controllers and folder of each group of a process, one for each mount that may show it.

    Args:
        groups: Text of `/proc/PID/cgroup`; a path in it is unescaped, and relative to our cgroup namespace.
        mounts: Text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)), where space and the like are octal.
    """
    found: list[tuple[str, str]] = []
    for line in filter(None, groups.split("\n")):
        _, controllers, path = line.split(":", 2)
        wanted = {"cgroup", *controllers.split(",")} if controllers else {"cgroup2"}
        for mount in filter(None, mounts.split("\n")):
            front, _, back = mount.partition(" - ")
            kind, _, options = back.split(" ", 2)
            if wanted <= {kind, *options.split(",")}:
                root, point = (_OCTAL.sub(_character, field) for field in front.split(" ")[3:5])
                below = _below(path, root)
                found += [] if below is None else [(controllers, "/".join([point.rstrip("/"), *below]))]
    return found


def _character(octal: re.Match[str]) -> str:
    return chr(int(octal[1], 8))


def _below(path: str, root: str) -> list[str] | None:
    """Return the steps from a mount's root to a group; None where the mount does not show the group."""
    steps, start = ([step for step in text.split("/") if step] for text in (path, root))
    below = steps[len(start) :]
    return below if steps[: len(start)] == start and ".." not in below else None


def own() -> dict[str, str]:
    """Return the folders of the groups that list this process, by controllers; version 2 stands under ""."""
    found: dict[str, str] = {}
    with suppress(OSError):
        texts = (os.fsdecode(Path("/proc/self", name).read_bytes()) for name in ("cgroup", "mountinfo"))
        for controllers, folder in located(*texts):
            with suppress(OSError):
                if str(os.getpid()) in Path(folder, "cgroup.procs").read_text(encoding="ascii").split():
                    found.setdefault(controllers, folder)
    return found


def parents(own: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return where a group may be made, by `memory`, `pids` and `cpu`, and why not where memory is missing.

    Args:
        own: The folder of the group that this process lives in, by the controllers of its hierarchy.
    """
    places: dict[str, str] = {}
    reason = ""
    for controllers, folder in own.items():
        names = set(controllers.split(",")) & _CONTROLLERS.keys()
        fault = _unusable(controllers, folder)
        if not fault:
            places |= {_CONTROLLERS[name]: folder for name in names}
        elif "memory" in names:
            reason = fault
    return places, reason


def _unusable(controllers: str, folder: str) -> str:
    """Say why no group may be made in a folder; an empty text if one may."""
    names = set(controllers.split(","))
    if not names <= _SAFE:
        return f"{folder} controls more than memory, tasks and processor time"
    if not os.access(folder, os.W_OK, effective_ids=True):
        return f"{folder} cannot be written"
    if "memory" in names and not _counts_below(folder):
        return f"{folder} does not count what the groups below it use (memory.use_hierarchy)"
    return ""


def _counts_below(folder: str) -> bool:
    """Whether a group below would stay under this group's own bound; always so since Linux 5.11."""
    with suppress(FileNotFoundError):
        return Path(folder, "memory.use_hierarchy").read_text(encoding="ascii").strip() != "0"
    return True


def bound(folder: str, controller: str, memory_bytes: int, tasks: int) -> None:
    """Set one controller's bound on a group that was just made.

    Raises:
        OSError: it cannot be set; the group is of no use.
    """
    if controller == "pids":
        Path(folder, "pids.max").write_text(str(tasks), encoding="ascii")
    if controller == "memory":
        Path(folder, "memory.limit_in_bytes").write_text(str(memory_bytes), encoding="ascii")
        with_swap = Path(folder, "memory.memsw.limit_in_bytes")
        if with_swap.exists():
            with_swap.write_text(str(memory_bytes), encoding="ascii")
        else:
            Path(folder, "memory.swappiness").write_text("0", encoding="ascii")
        _kill_at_the_bound(Path(folder, EVENTS))


def _kill_at_the_bound(control: Path) -> None:
    """Undo an inherited setting that would stop processes at the bound for good, instead of killing them."""
    if "oom_kill_disable 1" in control.read_text(encoding="ascii"):
        control.write_text("0", encoding="ascii")


def cpu_seconds(text: str) -> float:
    """Return the seconds in the text of `CPU`, which is in nanoseconds."""
    return int(text) / 1e9
