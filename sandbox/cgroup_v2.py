"""Control groups version 2: one hierarchy, used only where a part of it was handed to this process.

Handed to us are: a unit of systemd with `Delegate=` (of a user's systemd, which marks nothing, only transient units
as `systemd-run` makes them), the top of a container's own hierarchy, and the machine's root group where nothing
manages groups. A group that holds processes cannot hand out controllers, so a trial's group
lies beside ours, in a delegated group that hands them out; `settle` arranges that for a process that is alone.
Not used: groups nobody delegated (login sessions, terminals of a desktop), which systemd may reset at any time; and
the place beside a group that has bounds of its own, which a trial would escape there. No other process is moved.

Without the memory controller a group still counts CPU time, that of children nobody waits for included, which
cannot be had otherwise: worth it, because a limit and a metric rest on that number.
Source: Linux, Documentation/admin-guide/cgroup-v2.rst; systemd, docs/CGROUP_DELEGATION.md.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

CURRENT: str = "memory.current"
PEAK: str = "memory.peak"
EVENTS: str = "memory.events"
CPU: str = "cpu.stat"
NUMBER: int = 2

_HANDS_OUT = "cgroup.subtree_control"
_WANTED = ("memory", "pids")
# All of them read `max`, or nothing, in a group that nobody bounded.
_BOUNDS = ("memory.max", "memory.high", "memory.swap.max", "pids.max", "cpu.max", "cpuset.cpus", "io.max")
_NO = frozenset({"", "no", "n", "false", "f", "off", "0"})
_REMEDY = "start Referee alone in a delegated group: systemd-run --scope -p Delegate=yes (with --user for a user)"


def parents(own: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return where a group may be made, by `memory`, `pids` and `cpu`, and why not where memory is missing.

    Args:
        own: The folder of the group that this process lives in, by controllers; version 2 stands under "".
    """
    folder = own.get("")
    if folder is None:
        return {}, ""
    beside = str(Path(folder).parent)
    if "memory" in _words(beside, _HANDS_OUT) and _delegated(beside) and _writable(beside) and _unbounded(folder):
        return _places(beside), ""
    if refusal := _refusal(folder):
        return {}, refusal
    places = _places(folder)
    return places, "" if "memory" in places else f"{folder} hands out no memory controller; {_REMEDY}"


def _refusal(folder: str) -> str:
    if not _delegated(folder) and not _is_machine(folder):
        return f"{folder} was not handed to Referee; {_REMEDY}"
    return "" if _writable(folder) else f"{folder} cannot be written"


def _places(parent: str) -> dict[str, str]:
    handed = _words(parent, _HANDS_OUT)
    return {"cpu": parent} | {name: parent for name in _WANTED if name in handed}


def _words(folder: str, file: str) -> list[str]:
    try:
        return Path(folder, file).read_text(encoding="ascii").split()
    except OSError:
        return []


def _writable(folder: str) -> bool:
    """Whether groups can be made here and processes be moved between them."""
    paths = (folder, str(Path(folder, "cgroup.procs")))
    return all(os.access(path, os.W_OK, effective_ids=True) for path in paths)


def _unbounded(folder: str) -> bool:
    return all(_words(folder, file)[:1] in ([], ["max"]) for file in _BOUNDS)


def _is_machine(folder: str) -> bool:
    """Whether this is the root group of the machine: the only one without a type."""
    return Path(folder, "cgroup.controllers").exists() and not Path(folder, "cgroup.type").exists()


def _delegated(folder: str) -> bool:
    """Whether whoever manages groups here handed this one over."""
    top_of_container = os.path.ismount(folder) and Path(folder, "cgroup.type").exists()
    return top_of_container or _marked(folder) or _unit_says_so(Path(folder).name)


def _marked(folder: str) -> bool:
    """Whether the system's systemd has marked it; a user's systemd (255) marks nothing."""
    for name in ("trusted.delegate", "user.delegate"):
        with suppress(OSError):
            return os.getxattr(folder, name) == b"1"
    return False


def _unit_says_so(name: str) -> bool:
    for top in ("/run", f"/run/user/{os.geteuid()}"):
        with suppress(OSError):
            return asks_for_delegation(Path(top, "systemd/transient", name).read_text("utf-8", errors="replace"))
    return False


def asks_for_delegation(unit: str) -> bool:
    """Whether the text of a transient unit, as `systemd-run` makes them, has `Delegate=`; the last line counts."""
    values = [line.partition("=")[2].strip() for line in unit.split("\n") if line.startswith("Delegate=")]
    return bool(values) and values[-1].lower() not in _NO


def settle(folder: str, name: str) -> bool:
    """Move this process, alone in a group delegated to it, into a new group below, and hand out the controllers.

    Returns whether it was done; nothing has changed if not.
    """
    offered = [f"+{word}" for word in _words(folder, "cgroup.controllers") if word in _WANTED]
    alone = _words(folder, "cgroup.procs") == [str(os.getpid())]
    if "+memory" not in offered or not alone or not _delegated(folder) or not _writable(folder):
        return False
    leaf = Path(folder, name)
    try:
        leaf.mkdir()
        Path(leaf, "cgroup.procs").write_text("0", encoding="ascii")
        Path(folder, _HANDS_OUT).write_text(" ".join(offered), encoding="ascii")
    except OSError:
        with suppress(OSError):
            Path(folder, "cgroup.procs").write_text("0", encoding="ascii")
            leaf.rmdir()
        return False
    return True


def bound(folder: str, controller: str, memory_bytes: int, tasks: int) -> None:
    """Set one controller's bound on a group that was just made.

    Raises:
        OSError: it cannot be set; the group is of no use.
    """
    if controller == "pids":
        Path(folder, "pids.max").write_text(str(tasks), encoding="ascii")
    if controller == "memory":
        Path(folder, "memory.max").write_text(str(memory_bytes), encoding="ascii")
        for file, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            if Path(folder, file).exists():
                Path(folder, file).write_text(value, encoding="ascii")


def cpu_seconds(text: str) -> float:
    """Return the seconds in the text of `CPU`, whose `usage_usec` is in microseconds."""
    return next(int(line.split()[1]) for line in text.split("\n") if line.startswith("usage_usec ")) / 1e6
