"""How often is looked, what a count of the disk finds, and how a breach reads."""

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referee.sandbox import figures, gauge, machine, written
from referee.sandbox.disk import Count, Walk
from referee.sandbox.held import Holdings
from referee.sandbox.memory import Scales
from referee.sandbox.sight import Sight
from referee.sandbox.spec import Breach, Limits
from referee.sandbox.written import Written

from . import ordinary_user
from .own_family import told

MB = 1_000_000
FACTORS = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "s": 1}


# How often.


@given(st.floats(0, 100))
def test_looking_costs_a_hundredth_unless_it_would_come_too_seldom(cost: float) -> None:
    pause = gauge.pause(cost)
    assert 0.05 <= pause <= 1
    assert cost <= 0.0100001 * pause or pause == 1


@given(st.floats(0, 1000), st.booleans())
def test_counting_files_costs_a_hundredth_and_more_only_in_doubt(cost: float, in_doubt: bool) -> None:  # noqa: FBT001 - drawn
    assert written.rest(cost, in_doubt=in_doubt) >= (2 if in_doubt else 100) * cost


# How values read.


def _value(text: str) -> Fraction:
    number, unit = text.split()
    return Fraction(number) * FACTORS[unit]


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_two_sizes_read_alike_only_if_they_are(seen: int, allowed: int) -> None:
    texts = figures.sizes(seen, allowed)
    assert seen == allowed or texts[0] != texts[1]
    for text, value in zip(texts, (seen, allowed), strict=True):
        assert float(_value(text)) == pytest.approx(value, rel=0.06)
    assert seen == allowed or (_value(texts[0]) > _value(texts[1])) == (seen > allowed)


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_two_times_read_alike_only_if_they_are(seen: int, allowed: int) -> None:
    texts = figures.times(seen / 1000, allowed / 1000)
    assert _value(texts[1]) == Fraction(allowed, 1000)
    assert (_value(texts[0]) > _value(texts[1])) == (seen > allowed)
    assert seen == allowed or texts[0] != texts[1]


@pytest.mark.parametrize(
    ("seen", "allowed", "texts"),
    [
        (2.07, 2.0, ("2.1 s", "2 s")),
        (2.01, 2.0, ("2.01 s", "2 s")),
        (0.26, 0.25, ("0.3 s", "0.25 s")),
        (86401.0, 86400.0, ("86401.0 s", "86400 s")),
    ],
)
def test_times_have_as_many_digits_as_it_takes(seen: float, allowed: float, texts: tuple[str, str]) -> None:
    assert figures.times(seen, allowed) == texts


@pytest.mark.parametrize(
    ("seen", "allowed", "texts"),
    [
        (512_300_000, 512_000_000, ("512.3 MB", "512.0 MB")),
        (1_310_000_000, 10**9, ("1.31 GB", "1.00 GB")),
        (1_000_400_000, 10**9, ("1.0004 GB", "1.0000 GB")),
        (999, 16, ("999 bytes", "16 bytes")),
        (10**18 + 1, 10**18, ("1000000.000000000001 TB", "1000000.000000000000 TB")),
    ],
)
def test_sizes_have_as_many_digits_as_it_takes(seen: int, allowed: int, texts: tuple[str, str]) -> None:
    assert figures.sizes(seen, allowed) == texts


# What the machine gives.

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


# What a count of the disk finds.


def _counted(*folders: Path | str) -> Count:
    walk = Walk(str(folder) for folder in folders)
    assert walk.go_on(100)
    return walk.count


_TREES = st.lists(
    st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.integers(0, 20_000)), max_size=12
)


@settings(deadline=None)
@given(_TREES)
def test_a_count_in_slices_finds_what_a_plain_walk_finds(tree: list[tuple[list[str], int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        for parts, size in tree:
            path = Path(name, *(f"{part}-folder" for part in parts[:-1]), parts[-1])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
        walk = Walk([name])
        while not walk.go_on(0):
            pass
        entries = [path.lstat() for path in Path(name).rglob("*")]
        assert walk.count == Count(sum(entry.st_blocks * 512 for entry in entries), len(entries))


def test_names_of_one_file_count_once_and_links_are_not_followed(tmp_path: Path) -> None:
    big = tmp_path / "outside"
    big.mkdir()
    (big / "file").write_bytes(b"x" * MB)
    inside = tmp_path / "inside"
    (inside / "folder").mkdir(parents=True)
    (inside / "one").write_bytes(b"x" * MB)
    os.link(inside / "one", inside / "folder" / "two")
    (inside / "link").symlink_to(big)
    (inside / "loop").symlink_to(inside)
    count = _counted(inside)
    assert (count.files, MB <= count.bytes < 1.1 * MB) == (4, True)


def test_other_mounts_are_not_entered() -> None:
    if not os.access("/dev/shm", os.W_OK) or os.stat("/dev").st_dev == os.stat("/dev/shm").st_dev:
        pytest.skip("/dev/shm is no mount here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        Path(name, "file").write_bytes(b"x" * 5 * MB)
        assert _counted(name).bytes >= 5 * MB
        assert _counted("/dev").bytes < 5 * MB


def test_a_count_stops_soon_above_what_is_enough(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / str(number)).touch()
    walk = Walk([str(tmp_path)], Count(MB, 100))
    assert walk.go_on(100)
    assert 100 < walk.count.files < 1000


@contextmanager
def _few_descriptors(number: int) -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_below_what_can_be_followed_the_growth_of_the_file_system_decides(tmp_path: Path) -> None:
    with _few_descriptors(200):
        meter = Written([str(tmp_path)], Count(10 * MB, 1000))
        deepest = tmp_path.joinpath(*["d"] * 300)
        deepest.mkdir(parents=True)
        with (deepest / "file").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2000 * MB)
        assert not _counted(tmp_path).complete
        # Others may free some of the disk meanwhile.
        assert meter.all().bytes > 1000 * MB
    shutil.rmtree(tmp_path / "d")


_CLOSED = """
import os, sys
from referee.sandbox.disk import Walk
os.makedirs("top/closed/inner")
open("top/closed/inner/file", "wb").write(b"x" * 1_000_000)
for folder, mode in (("top/closed/inner", 0o400), ("top/closed", 0), ("top", 0)):
    os.chmod(folder, mode)
walk = Walk([os.path.abspath("top")])
assert walk.go_on(100) and walk.count.complete and walk.count.files == 3, walk.count
assert walk.count.bytes >= 1_000_000
for folder in ("top", "top/closed"):
    assert os.stat(folder).st_mode & 0o777 == 0
    os.chmod(folder, 0o700)
assert os.stat("top/closed/inner").st_mode & 0o777 == 0o400
"""


def test_closed_folders_are_counted_and_closed_again(ground: Path) -> None:
    if reason := ordinary_user.missing():
        pytest.skip(reason)
    done = ordinary_user.run(ground, "-c", f"import os; os.chdir(os.environ['HOME'])\n{_CLOSED}", seconds=60)
    assert done.returncode == 0, done.stderr


# What was there before, and when to count.


def test_what_was_there_before_does_not_count_and_what_is_removed_gives_room(tmp_path: Path) -> None:
    (tmp_path / "before").write_bytes(b"x" * 3 * MB)
    meter = Written([str(tmp_path)], Count(10 * MB, 100))
    assert meter.all() == Count(0, 0)
    (tmp_path / "more").write_bytes(b"x" * 2 * MB)
    assert meter.all().files == 1
    assert 2 * MB <= meter.all().bytes < 2.1 * MB
    (tmp_path / "more").unlink()
    assert meter.all() == Count(0, 0)
    (tmp_path / "draft").write_bytes(b"x" * 4096)
    meter.begin(Count(4096, 1))
    assert meter.all() == Count(0, 0)


def test_a_sudden_growth_is_counted_at_the_next_look(tmp_path: Path) -> None:
    meter = Written([str(tmp_path)], Count(1000 * MB, 10**6))
    with (tmp_path / "file").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 3000 * MB)
    assert meter.look(time.monotonic()).bytes > 1000 * MB


def test_a_long_count_goes_on_at_the_next_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "_SLICE", 0.0)
    meter = Written([str(tmp_path)], Count(1000 * MB, 10**6))
    for number in range(600):
        (tmp_path / str(number)).touch()
    later = time.monotonic() + 100
    assert (meter.look(later).files, meter.busy) == (0, True)
    while meter.busy:
        meter.look(later)
    assert meter.look(later).files == 600


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
