"""Version 2 is used only where a part of the hierarchy was handed to us; decided here on folders that imitate it."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from referee.sandbox import cgroup_v2

_FILES = {
    "cgroup.type": "domain\n",
    "cgroup.procs": "",
    "cgroup.controllers": "cpu memory pids\n",
    "cgroup.subtree_control": "",
    "memory.max": "max\n",
    "memory.high": "max\n",
    "pids.max": "max\n",
    "cpu.max": "max 100000\n",
    "cpuset.cpus": "\n",
    "io.max": "",
}


_HANDS_OUT = {"cgroup.subtree_control": "memory pids\n"}


def _group(folder: Path, changes: Mapping[str, str] = MappingProxyType({}), *, delegated: bool = False) -> Path:
    folder.mkdir()
    for name, text in {**_FILES, **changes}.items():
        (folder / name).write_text(text)
    if delegated:
        try:
            os.setxattr(folder, "user.delegate", b"1")
        except OSError as error:
            pytest.skip(f"temporary files cannot be marked: {error}")
    return folder


@pytest.fixture
def scope(tmp_path: Path) -> Path:
    """A delegated group that hands out controllers, as it is after `settle`."""
    return _group(tmp_path / "scope", _HANDS_OUT, delegated=True)


def test_a_group_beside_ours_gets_all_that_the_delegated_one_hands_out(scope: Path) -> None:
    leaf = _group(scope / "leaf")
    expected = {"cpu": str(scope), "memory": str(scope), "pids": str(scope)}
    assert cgroup_v2.parents({"": str(leaf)}) == (expected, "")


@pytest.mark.parametrize(
    ("bound", "value"),
    [("memory.max", "1073741824\n"), ("memory.high", "5\n"), ("pids.max", "100\n"), ("cpu.max", "5 10\n"),
     ("cpuset.cpus", "0-1\n"), ("io.max", "8:0 rbps=1 wbps=max\n")],
)  # fmt: skip
def test_no_trial_escapes_the_bounds_of_our_own_group(scope: Path, bound: str, value: str) -> None:
    leaf = _group(scope / "leaf", {bound: value})
    places, reason = cgroup_v2.parents({"": str(leaf)})
    assert places == {}
    assert f"{leaf} was not handed to Referee" in reason


def test_a_group_that_nobody_delegated_is_not_used_and_the_way_out_is_said(tmp_path: Path) -> None:
    session = _group(_group(tmp_path / "slice", _HANDS_OUT) / "session-1.scope")
    places, reason = cgroup_v2.parents({"": str(session)})
    assert places == {}
    assert "systemd-run --scope -p Delegate=yes" in reason


def test_a_delegated_group_with_processes_counts_time_only(tmp_path: Path) -> None:
    own = _group(tmp_path / "scope", delegated=True)
    places, reason = cgroup_v2.parents({"": str(own)})
    assert places == {"cpu": str(own)}
    assert f"{own} hands out no memory controller; start Referee alone" in reason


@pytest.mark.parametrize(("handed", "expected"), [("memory pids\n", {"cpu", "memory", "pids"}), ("io\n", {"cpu"})])
def test_the_machines_root_group_may_hold_processes_and_hand_out(
    tmp_path: Path, handed: str, expected: set[str]
) -> None:
    root = _group(tmp_path / "root", {"cgroup.subtree_control": handed})
    (root / "cgroup.type").unlink()
    assert cgroup_v2.parents({"": str(root)})[0].keys() == expected


def test_without_version_2_there_is_nothing_to_say() -> None:
    assert cgroup_v2.parents({"memory": "/sys/fs/cgroup/memory"}) == ({}, "")


@pytest.mark.parametrize(
    ("members", "delegated", "controllers"),
    [("{own}\n1\n", True, "memory"), ("1\n", True, "memory"), ("{own}\n", False, "memory"), ("{own}\n", True, "pids")],
    ids=["not alone", "not there", "not delegated", "no memory"],
)
def test_a_process_is_not_moved_unless_it_is_alone_in_a_delegated_group(
    tmp_path: Path, members: str, *, delegated: bool, controllers: str
) -> None:
    changes = {"cgroup.procs": members.format(own=os.getpid()), "cgroup.controllers": controllers}
    own = _group(tmp_path / "own", changes, delegated=delegated)
    assert not cgroup_v2.settle(str(own), "leaf")
    assert not (own / "leaf").exists()
    assert (own / "cgroup.subtree_control").read_text() == ""


@pytest.mark.parametrize(
    ("unit", "asks"),
    [
        ("[Scope]\nDelegate=yes\n", True),
        ("[Scope]\nDelegate=memory pids\n", True),
        ("[Scope]\nDelegate=yes\nDelegate=no\n", False),
        ("[Scope]\nDelegate=\n", False),
        ("[Scope]\nDelegateSubgroup=x\n#Delegate=yes\n", False),
        ("", False),
    ],
)
def test_a_transient_unit_says_whether_it_delegates(unit: str, *, asks: bool) -> None:
    assert cgroup_v2.asks_for_delegation(unit) is asks


def test_time_is_read_in_seconds() -> None:
    assert cgroup_v2.cpu_seconds("usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n") == 1.5
