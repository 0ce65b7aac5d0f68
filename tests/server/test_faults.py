"""The faults of the soak's table, one by one: disks, descriptors, power, a damaged journal."""

import errno
from pathlib import Path

import pytest
from referee.server.faults import note_unexpected

from tests.soak import faults


@pytest.mark.slow
@pytest.mark.parametrize("name", faults.FAULTS)
@pytest.mark.promise("nothing lost")
def test_a_session_outlives_every_fault_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if reason := faults.missing(name):
        pytest.skip(reason)
    monkeypatch.setenv("REFEREE_STATE_DIR", str(tmp_path / "state"))
    assert faults.tried(name, tmp_path).findings == []


def test_what_a_group_of_tasks_wraps_is_told_with_its_way_out() -> None:
    refused = OSError(errno.EMFILE, "Too many open files", "/proc/self/mounts")
    wrapped = BaseExceptionGroup("unhandled errors in a TaskGroup", [BaseExceptionGroup("inner", [refused])])
    said = note_unexpected(wrapped)
    assert said == note_unexpected(refused)
    assert "ulimit -n" in said
