"""How much memory this process may use itself: the machine's, or what the control groups around it leave."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .held import content

_TYPES = {"cgroup": "memory.limit_in_bytes", "cgroup2": "memory.max"}


def allowed(memory: float) -> int:
    """Return a limit in bytes: an int as it is, a float as the share of what this process may use itself."""
    return memory if isinstance(memory, int) else int(memory * machine())


def machine() -> int:
    """Return the bytes of memory that this process may use: of the machine, or of its narrowest control group."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    own = content("/proc/self/cgroup").decode("utf-8", "surrogateescape")
    mounts = content("/proc/self/mountinfo").decode("utf-8", "surrogateescape")
    return min([physical, *limits(own, mounts)])


def limits(own: str, mounts: str) -> Iterator[int]:
    """Yield the limits of all control groups around this process.

    Args:
        own: /proc/self/cgroup, lines `number:controllers:path`, see cgroups(7).
        mounts: /proc/self/mountinfo.
    """
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in own.splitlines())}
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        kind = rest.split()[0]
        named = next((path for names, path in paths.items() if _is_for(kind, names)), None)
        if kind in _TYPES and named is not None:
            root, place = fields.split()[3:5]
            yield from _upwards(place, named.removeprefix(root) if root != "/" else named, _TYPES[kind])


def _is_for(kind: str, controllers: str) -> bool:
    return controllers == "" if kind == "cgroup2" else "memory" in controllers.split(",")


def _upwards(top: str, path: str, name: str) -> Iterator[int]:
    group = Path(top, path.strip("/"))
    for folder in (group, *group.parents):
        if not folder.is_relative_to(top):
            return
        with suppress(OSError, ValueError):
            # "max" is no number, and so no limit.
            yield int((folder / name).read_text(encoding="ascii"))
