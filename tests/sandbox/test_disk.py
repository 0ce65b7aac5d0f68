"""What a count of the disk finds, and when it is made."""

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referee.sandbox import written
from referee.sandbox.disk import Count, Walk
from referee.sandbox.written import Written

from . import ordinary_user

MB = 1_000_000


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
