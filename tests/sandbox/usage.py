"""What a server and its supervisor hold of the machine, as numbers that must not grow from trial to trial."""

import os
from collections.abc import Mapping
from pathlib import Path

from . import witness

_IPC = ("shm", "sem", "msg")

# How much more may be there at the end: what other processes of the machine do, and what waits for the next trial.
# A leak of one in ten trials is more. Memory in kB.
SLACK = {"processes": 5, "control groups": 10, "kernel objects": 2, "descriptors": 3, "mounts": 2, "memory": 300}


def usage(server: int, supervisor: int, folders: Mapping[str, Path]) -> dict[str, int]:
    """Count everything once.

    Args:
        server: Process that holds the Launcher.
        supervisor: Its supervisor.
        folders: Folders that belong to this server alone, by name; their entries are counted.
    """
    found = {
        "processes": len(witness.below(server, zombies=True)),
        "control groups": sum(_folders(place) for place, _, _ in witness.hierarchies()),
        "kernel objects": sum(len(Path("/proc/sysvipc", kind).read_text("ascii").splitlines()) for kind in _IPC),
    }
    found |= {f"entries of {name}": len(os.listdir(path)) if path.exists() else 0 for name, path in folders.items()}
    for name, pid in (("server", server), ("supervisor", supervisor)):
        found[f"descriptors of {name}"] = _descriptors(pid)
        found[f"mounts of {name}"] = len(Path(f"/proc/{pid}/mountinfo").read_text("utf-8").splitlines())
        found[f"memory of {name}"] = int(_status(pid, "RssAnon"))
    return found


def growth(before: Mapping[str, int], now: Mapping[str, int], **slacks: int) -> list[str]:
    """Name what has grown by more than its slack; `slacks` takes the place of some of `SLACK`."""
    slack = {key: (SLACK | slacks).get(key.partition(" of ")[0], 0) for key in before}
    return [f"{key}: {before[key]} -> {now[key]}" for key in before if now[key] > before[key] + slack[key]]


def _folders(top: Path) -> int:
    return sum(1 for _ in os.walk(top))


def _descriptors(pid: int) -> int:
    """Count open descriptors; of a process that hides them from an ordinary user, the size of their table."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return int(_status(pid, "FDSize"))


def _status(pid: int, key: str) -> str:
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    return text.partition(f"{key}:")[2].split()[0]
