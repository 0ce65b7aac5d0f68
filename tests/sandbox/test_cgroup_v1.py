"""The kernel's texts about groups and mounts are read as it writes them; version 1 is used only where it is safe."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.sandbox import cgroup_v1

# One line of /proc/self/mountinfo: root, mount point, type, options of the file system.
_MOUNT = "36 31 0:33 %s %s rw,nosuid shared:9 master:1 - %s none %s"

# A name in a group's path may hold anything but a slash, a newline and NUL; the walking names are the kernel's own.
_NAMES = st.text(st.characters(exclude_characters="/\n\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in {".", ".."}
)
_PATHS = st.lists(_NAMES, max_size=4).map(lambda names: "/" + "/".join(names))


def _mount(root: str, point: str, kind: str = "cgroup", options: str = "rw,memory") -> str:
    return _MOUNT % (_escaped(root), _escaped(point), kind, options)


def _escaped(path: str) -> str:
    """Write a path as the kernel does: seq_path() with the set of characters of show_mountinfo()."""
    return "".join(f"\\{ord(letter):03o}" if letter in " \t\n\\#" else letter for letter in path)


@pytest.mark.parametrize(
    ("line", "mounts", "expected"),
    [
        ("4:memory:/a", [_mount("/", "/sys/fs/cgroup/memory")], "/sys/fs/cgroup/memory/a"),
        ("4:memory:/", [_mount("/", "/sys/fs/cgroup/memory")], "/sys/fs/cgroup/memory"),
        ("0::/a/b", [_mount("/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate")], "/sys/fs/cgroup/a/b"),
        ("0::/", [_mount("/", "/", "cgroup2", "rw")], ""),
        ("3:cpu,cpuacct:/a", [_mount("/", "/c", options="rw,cpu,cpuacct")], "/c/a"),
        ("3:cpuacct,cpu:/a", [_mount("/", "/c", options="rw,cpu,cpuacct")], "/c/a"),
        ("1:name=systemd:/a", [_mount("/", "/s", options="rw,xattr,name=systemd")], "/s/a"),
        ("4:memory:/docker/1f", [_mount("/docker/1f", "/sys/fs/cgroup/memory")], "/sys/fs/cgroup/memory"),
        ("4:memory:/docker/1f/x:y", [_mount("/docker/1f", "/m")], "/m/x:y"),
        ("4:memory:/a b", [_mount("/a b", "/mnt/tab\tback\\slash space")], "/mnt/tab\tback\\slash space"),
        ("4:memory:/../two", [_mount("/..", "/m")], "/m/two"),
        ("4:memory:/a", ["17 1 0:3 / /proc rw - proc proc rw", _mount("/", "/m"), ""], "/m/a"),
    ],
)
def test_a_group_is_found_where_its_hierarchy_is_mounted(line: str, mounts: list[str], expected: str) -> None:
    assert [folder for _, folder in cgroup_v1.located(line + "\n", "\n".join(mounts))] == [expected]


@pytest.mark.parametrize(
    ("line", "mount"),
    [
        ("4:memory:/a", _mount("/", "/p", options="rw,pids")),
        ("4:memory:/a", _mount("/", "/p", options="rw,memory_recursiveprot")),
        ("4:memory:/a", _mount("/", "/p", "tmpfs")),
        ("3:cpu,cpuacct:/a", _mount("/", "/c", options="rw,cpu")),
        ("0::/a", _mount("/", "/m", "cgroup", "rw,memory")),
        ("4:memory:/a", _mount("/", "/u", "cgroup2", "rw,memory")),
        ("4:memory:/docker/1f", _mount("/docker/1", "/m")),
        ("4:memory:/docker", _mount("/docker/1f", "/m")),
        ("4:memory:/../other", _mount("/", "/m")),
        ("4:memory:/", _mount("/..", "/m")),
    ],
)
def test_a_group_that_no_mount_shows_is_not_guessed(line: str, mount: str) -> None:
    assert cgroup_v1.located(line, mount) == []


@given(_PATHS, _PATHS, _PATHS)
def test_any_names_are_read_back(root: str, below: str, point: str) -> None:
    path = (root.rstrip("/") + below).rstrip("/") or "/"
    found = cgroup_v1.located(f"4:memory:{path}\n", _mount(root, point) + "\n")
    assert found == [("memory", (point.rstrip("/") + below).rstrip("/"))]


def test_every_group_of_this_process_is_one_that_lists_it() -> None:
    for folder in cgroup_v1.own().values():
        assert str(os.getpid()) in Path(folder, "cgroup.procs").read_text(encoding="ascii").split()


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """Three hierarchies, as folders that only imitate them."""
    folders = {controllers: tmp_path / controllers for controllers in ("memory", "pids", "cpu,cpuacct")}
    for folder in folders.values():
        folder.mkdir()
    (folders["memory"] / "memory.use_hierarchy").write_text("1\n")
    return {controllers: str(folder) for controllers, folder in folders.items()}


def test_each_hierarchy_that_can_be_written_is_used(own: dict[str, str]) -> None:
    expected = {"memory": own["memory"], "pids": own["pids"], "cpu": own["cpu,cpuacct"]}
    assert cgroup_v1.parents(own) == (expected, "")
    assert cgroup_v1.parents({"": "/sys/fs/cgroup"}) == ({}, "")


def test_memory_that_would_not_count_for_the_group_above_is_not_used(own: dict[str, str]) -> None:
    Path(own["memory"], "memory.use_hierarchy").write_text("0\n")
    places, reason = cgroup_v1.parents(own)
    assert places.keys() == {"pids", "cpu"}
    assert "does not count what the groups below it use" in reason


def test_a_hierarchy_with_processor_sets_is_not_used(own: dict[str, str]) -> None:
    places, reason = cgroup_v1.parents({"cpuset,memory": own["memory"], "pids": own["pids"]})
    assert places == {"pids": own["pids"]}
    assert "controls more than" in reason


@pytest.mark.parametrize("swap_is_accounted", [True, False])
def test_swap_is_bounded_one_way_or_the_other(own: dict[str, str], *, swap_is_accounted: bool) -> None:
    folder = Path(own["memory"])
    (folder / "memory.oom_control").write_text("oom_kill_disable 1\nunder_oom 0\noom_kill 0\n")
    if swap_is_accounted:
        (folder / "memory.memsw.limit_in_bytes").touch()
    cgroup_v1.bound(str(folder), "memory", 4096, 1)
    written = {file.name: file.read_text() for file in folder.iterdir()}
    assert written["memory.limit_in_bytes"] == "4096"
    assert (written.get("memory.memsw.limit_in_bytes"), written.get("memory.swappiness")) == (
        ("4096", None) if swap_is_accounted else (None, "0")
    )
    assert written["memory.oom_control"] == "0"
