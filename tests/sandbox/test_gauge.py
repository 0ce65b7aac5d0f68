"""How often is looked, and what a look at a whole trial finds."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.sandbox import gauge, written
from referee.sandbox.held import Holdings
from referee.sandbox.memory import Scales
from referee.sandbox.sight import Sight
from referee.sandbox.spec import Breach, Limits

from .own_family import told

MB = 1_000_000


# How often.


@given(st.floats(0, 100))
def test_looking_costs_a_hundredth_unless_it_would_come_too_seldom(cost: float) -> None:
    pause = gauge.pause(cost)
    assert 0.05 <= pause <= 1
    assert cost <= 0.0100001 * pause or pause == 1


@given(st.floats(0, 1000), st.booleans())
def test_counting_files_costs_a_hundredth_and_more_only_in_doubt(cost: float, in_doubt: bool) -> None:  # noqa: FBT001 - drawn
    assert written.rest(cost, in_doubt=in_doubt) >= (2 if in_doubt else 100) * cost


# A whole gauge, with a control group that says what it is told to.


@dataclass
class Said:
    """A control group that says this."""

    memory: int | None = None
    oom: bool = False
    refused: bool = False
    cpu: float | None = None
    alive: int | None = None

    def memory_bytes(self) -> int | None:
        return self.memory

    def out_of_memory(self) -> bool:
        return self.oom

    def refused_tasks(self) -> bool:
        return self.refused

    def cpu_seconds(self) -> float | None:
        return self.cpu

    def tasks(self) -> int | None:
        return self.alive


@pytest.mark.parametrize(
    ("group", "breach"),
    [
        (Said(), None),
        (Said(cpu=4.9, alive=50), None),
        (Said(oom=True), Breach("memory", "20.00 TB and a request for more", "20.00 TB")),
        (Said(refused=True), Breach("processes", "50 and a request for more", "50")),
        (Said(cpu=1e9), Breach("cpu", "1000000000.0 s", "999999999 s")),
    ],
)
def test_what_the_control_group_says_is_found_at_every_look_and_at_the_last(
    tmp_path: Path, group: Said, breach: Breach | None
) -> None:
    bounds = Limits(wall_seconds=1, memory=20 * 10**12, cpu_seconds=999_999_999.0, processes=50)
    made = gauge.Gauge(bounds, (str(tmp_path),), (), group)
    assert made.look(0.0) == breach
    assert made.last_look() == breach


HOGS = {
    "one process": ("bytearray(100 * MB)", "memory=60_000_000", "memory"),
    "a memfd": ("os.write(os.memfd_create('x'), b'x' * 100 * MB)", "memory=60_000_000", "memory"),
    "children": ("[child(lambda: bytearray(25 * MB)) for _ in range(4)]", "memory=60_000_000", "memory"),
    "processes": ("[child() for _ in range(20)]", "processes=20", "processes"),
}


@pytest.mark.parametrize(("hog", "bounds", "key"), HOGS.values(), ids=HOGS)
def test_what_is_used_is_found_without_any_control_group(hog: str, bounds: str, key: str) -> None:
    code = f"""
made = gauge.Gauge(Limits(wall_seconds=1, {bounds}), (), ())
made.begin(0)
child(lambda: {hog})
breach = until(lambda: made.look(time.monotonic()))
tell(key=breach.key, seen=breach.seen, allowed=breach.allowed, peak=made.peak_memory_bytes)
"""
    found = told(code)
    assert found["key"] == key
    assert float(found["seen"].split()[0]) > float(found["allowed"].split()[0])
    assert key != "memory" or 100_000_000 <= found["peak"] < 160_000_000


def test_what_lies_in_memory_file_systems_counts_as_memory() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        Path(place, "file").write_bytes(b"x" * 5 * MB)
        found, sure = Scales(4 * MB, [place], Sight()).weigh(0.0, 0, [], Holdings())
    assert found >= 5 * MB
    assert sure


def test_what_forked_workers_share_is_no_breach_without_any_control_group() -> None:
    code = """
made = gauge.Gauge(Limits(wall_seconds=1, memory=120 * MB), (), ())
made.begin(0)
child(lambda: (data := bytearray(60 * MB), [child() for _ in range(4)]))
end = time.monotonic() + 1
looks = [made.look(time.monotonic()) for _ in range(40)]
tell(breaches=[look.seen for look in looks if look], peak=made.peak_memory_bytes)
"""
    found = told(code)
    assert found["breaches"] == []
    assert 60_000_000 <= found["peak"] < 120_000_000


def test_tasks_of_the_sandbox_itself_do_not_count(tmp_path: Path) -> None:
    bounds = Limits(wall_seconds=1, memory=20 * 10**12, processes=50)
    for alive, breach in ((52, None), (53, Breach("processes", "51 processes and threads", "50"))):
        assert gauge.Gauge(bounds, (str(tmp_path),), (), Said(alive=alive), helpers=2).look(0.0) == breach


def test_the_next_look_is_due_between_a_twentieth_and_one_second_later(tmp_path: Path) -> None:
    made = gauge.Gauge(Limits(wall_seconds=1), (str(tmp_path),), ())
    made.begin(0)
    assert 0 < made.seconds_to_next(time.monotonic()) <= 0.05
    before = time.monotonic()
    assert made.look(before) is None
    after = time.monotonic()
    assert 0.049 <= made.seconds_to_next(after) <= 1
    assert made.seconds_to_next(after + 1) == 0
