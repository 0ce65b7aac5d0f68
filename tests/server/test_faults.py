"""The faults of the soak's table, one by one: disks, descriptors, power, a damaged journal."""

from pathlib import Path

import pytest

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
