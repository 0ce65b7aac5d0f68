"""What the machine gives to this process."""

import os
from pathlib import Path

import pytest
from referee.sandbox import machine

_V1 = "11:cpu,cpuacct:/x\n4:memory:{path}\n0::/\n"
_V2 = "0::{path}\n"
_MOUNT = "30 23 0:26 {root} {place} rw,relatime shared:4 - {kind} {kind} rw,memory\n"


@pytest.mark.parametrize(
    ("own", "kind", "root", "path", "name"),
    [
        (_V2, "cgroup2", "/", "/a/b", "memory.max"),
        (_V1, "cgroup", "/", "/a/b", "memory.limit_in_bytes"),
        (_V1, "cgroup", "/docker/c", "/docker/c/a/b", "memory.limit_in_bytes"),
    ],
    ids=["version 2", "version 1", "version 1 in a container"],
)
def test_the_narrowest_control_group_around_decides(
    tmp_path: Path, own: str, kind: str, root: str, path: str, name: str
) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for folder, value in ((inner, "max"), (tmp_path / "a", "3000"), (tmp_path, "5000")):
        (folder / name).write_text(f"{value}\n")
    mounts = _MOUNT.format(root="/", place="/proc", kind="proc") + _MOUNT.format(root=root, place=tmp_path, kind=kind)
    assert min(machine.limits(own.format(path=path), mounts)) == 3000


def test_a_share_is_one_of_what_this_process_may_use_itself() -> None:
    assert machine.allowed(123) == 123
    assert machine.allowed(0.5) == pytest.approx(machine.machine() / 2)
    assert machine.machine() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
