"""What is kept of a cache after the run that fills it: plain files alone, bounded, whole or not at all."""

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from referee.sandbox import cache_store, scratch
from referee.sandbox.spec import Cache, Level, Limits, Measurement, TrialSpec

from . import ordinary_user
from .cached import FILL, KEPT, run, stores, succeed, tree
from .conftest import Lab

_NOT_PLAIN = """
import socket
from contextlib import suppress
for top in (HOME, PROJECT):
    (top / "plain").write_text("x")
    (top / "link").symlink_to("plain")
    (top / "outside").symlink_to("/etc/passwd")
    (top / "folder").symlink_to("/etc")
    os.mkfifo(top / "pipe")
    (top / "first").write_text("x")
    with suppress(OSError):
        os.link(top / "first", top / "second")
    with suppress(OSError):
        here = os.getcwd()
        os.chdir(top)
        socket.socket(socket.AF_UNIX).bind("socket")
        os.chdir(here)
"""


@pytest.mark.promise("confined trial")
def test_links_pipes_sockets_and_files_with_two_names_are_not_kept(lab: Lab) -> None:
    succeed(lab, _NOT_PLAIN, fill_caches=True)
    assert [set(tree(store)) - {"first"} for store in stores(lab)] == [{"plain"}, {"plain"}]
    kinds = {stat.S_IFMT(path.lstat().st_mode) for store in stores(lab) for path in store.rglob("*")}
    assert kinds == {stat.S_IFREG}


@pytest.mark.promise("confined trial")
def test_a_link_on_the_way_to_a_cache_is_not_followed(lab: Lab) -> None:
    """A trial may move the folders above its cache and put something else in their place."""
    secret = lab.base / "secret"
    (secret / ".kernels").mkdir(parents=True)
    (secret / ".jit").mkdir()
    for folder in secret.iterdir():
        (folder / "key").write_text("hunter2")
    succeed(
        lab,
        f"""
for top in (HOME, PROJECT):
    (top / "mark").write_text("x")
    top.parent.rename(top.parent.with_name("moved"))
    top.parent.symlink_to({str(secret)!r})
""",
        fill_caches=True,
    )
    assert [tree(store) for store in stores(lab)] == [[], []]
    assert sorted(os.listdir(secret)) == [".jit", ".kernels"]


@pytest.mark.parametrize(
    ("end", "limits"),
    [
        ("raise SystemExit(3)", Limits(wall_seconds=30)),
        ("import time; time.sleep(60)", Limits(wall_seconds=2)),
        ("os.remove('prepare.py')", Limits(wall_seconds=30)),
        ("print('loss: nan')", Limits(wall_seconds=30)),
    ],
)
def test_a_run_that_does_not_end_well_keeps_nothing(lab: Lab, end: str, limits: Limits) -> None:
    measured = run(lab, f"{FILL}\n{end}", fill_caches=True, limits=limits, metrics=("loss",))
    assert measured.outcome != "ok"
    assert not stores(lab)[0].parent.exists()
    assert lab.leftovers() == []
    succeed(lab, FILL, fill_caches=True)
    assert [tree(store) for store in stores(lab)] == [KEPT, KEPT]


def test_a_sparse_file_stays_sparse(lab: Lab) -> None:
    code = """
with open(HOME / "sparse", "wb") as file:
    file.write(b"head")
    file.seek(1 << 30)
    file.write(b"tail")
"""
    succeed(lab, code, fill_caches=True, limits=Limits(wall_seconds=30, disk_bytes=3_000_000))
    kept = stores(lab)[0] / "sparse"
    assert kept.stat().st_size == (1 << 30) + 4
    assert kept.stat().st_blocks * 512 < 3_000_000
    succeed(
        lab,
        "with open(HOME / 'sparse', 'rb') as file:\n"
        "    assert file.read(4) == b'head' and file.seek(1 << 30) and file.read() == b'tail'",
    )


@contextmanager
def ended(ground: Path, files: int = 1) -> Generator[tuple[TrialSpec, scratch.Folder, str]]:
    """A run that is over and left some files in its only cache."""
    folder = scratch.make(str(ground / "scratch"), None)
    left = Path(folder.part("home"), "cache")
    left.mkdir()
    for number in range(files):
        (left / str(number)).write_text("x" * 1000)
    caches = (Cache("home", "cache", str(ground / "caches/0")),)
    yield (
        TrialSpec(
            snapshot="", root="", cwd="", target="", target_text="", target_mode=0, argv=(), env={}, readable=(),
            network=False, minimum=Level.NONE, limits=Limits(wall_seconds=1), metrics=(), scratch="", log="",
            caches=caches, fill_caches=True,
        ),
        folder,
        str(left),
    )  # fmt: skip
    scratch.clear(folder)


def ok() -> Measurement:
    return Measurement("ok", "", {"loss": 1.0}, 1, 1, 1, 0, None, 0, (), "none", Level.NONE)


@pytest.mark.parametrize(("key", "limits"), [("disk", {"disk_bytes": 2500}), ("files", {"files": 2})])
@pytest.mark.promise("bounded trial")
def test_more_than_the_limits_allow_is_a_crash_and_not_kept(ground: Path, key: str, limits: dict[str, int]) -> None:
    with ended(ground, files=3) as (wanted, folder, left):
        small = replace(wanted, limits=Limits(wall_seconds=1, **limits))
        measured = cache_store.keep(small, folder, (left,), ok())
    assert (measured.outcome, measured.limit, dict(measured.metrics)) == ("crash", key, {})
    assert f"raise sandbox.{key}" in measured.reason
    assert os.listdir(ground / "caches") == []


@pytest.mark.promise("nothing lost")
def test_what_a_killed_run_left_half_stored_is_replaced(ground: Path) -> None:
    half = ground / "caches/0.new"
    half.mkdir(parents=True)
    (half / "half").write_text("x")
    with ended(ground) as (wanted, folder, left):
        assert cache_store.keep(wanted, folder, (left,), ok()) == ok()
    assert (os.listdir(ground / "caches"), tree(ground / "caches/0")) == (["0"], ["0"])


def test_what_lies_too_deep_is_left_out(ground: Path) -> None:
    with ended(ground) as (wanted, folder, left):
        deep = Path(left, *(["d"] * 60))
        deep.mkdir(parents=True)
        (deep / "bottom").write_text("x")
        cache_store.keep(wanted, folder, (left,), ok())
    kept = tree(ground / "caches/0")
    assert "0" in kept
    assert not any("bottom" in name for name in kept)


@pytest.mark.endurance
@pytest.mark.parametrize("file", ["test_caches.py", "test_cache_store.py"])
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(ordinary_user.missing()), reason=ordinary_user.missing())
def test_an_ordinary_user_gets_the_same_caches(ground: Path, file: str) -> None:
    ordinary_user.run_tests(ground, str(Path(__file__).with_name(file)), seconds=580)
