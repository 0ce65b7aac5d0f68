"""Compiler caches: every trial gets its own copy of what one run compiled, and nothing that it does stays in it."""

import os
import stat
from pathlib import Path

import anyio
import pytest
from referee.sandbox.errors import SandboxError
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Cache, Limits, Measurement

from .cached import FILL, KEPT, run, spec, stores, succeed, tree
from .conftest import FROZEN, Lab
from .test_prepared import stands


@pytest.fixture
def filled(lab: Lab) -> Lab:
    """A project whose caches were filled."""
    succeed(lab, FILL, fill_caches=True)
    return lab


def test_what_the_filling_run_leaves_is_kept_whole_and_found_by_the_next(filled: Lab) -> None:
    for store in stores(filled):
        assert tree(store) == KEPT
        assert (store / "sub/kernel.so").read_text() == "compiled"
    assert sorted(os.listdir(stores(filled)[0].parent)) == ["0", "1"]
    succeed(
        filled,
        f"""
for top in (HOME, PROJECT):
    assert tree(top) == {KEPT}, tree(top)
    assert (top / "sub/kernel.so").read_text() == "compiled"
    assert not os.access(top / "sub/kernel.so", os.X_OK) and os.access(top / "tool", os.X_OK)
    assert (top / "tool").stat().st_mtime == 1000
""",
    )


@pytest.mark.promise("confined trial")
def test_what_a_trial_does_to_its_caches_reaches_neither_the_store_nor_the_next_trial(filled: Lab) -> None:
    before = [(path, path.lstat().st_mtime_ns) for store in stores(filled) for path in sorted(store.rglob("*"))]
    changes = """
for top in (HOME, PROJECT):
    (top / "mark").write_text("x")
    (top / "sub/kernel.so").write_text("poisoned")
    (top / "tool").unlink()
"""
    succeed(filled, changes)
    succeed(
        filled,
        f"for top in (HOME, PROJECT): assert tree(top) == {KEPT}, tree(top)\nprint((HOME / 'tool').read_text())",
    )
    assert before == [(path, path.lstat().st_mtime_ns) for store in stores(filled) for path in sorted(store.rglob("*"))]
    assert all((store / "sub/kernel.so").read_text() == "compiled" for store in stores(filled))


def test_a_copy_behaves_like_a_folder_of_the_trials_own(filled: Lab) -> None:
    succeed(
        filled,
        """
for top in (HOME, PROJECT):
    with open(top / "tool", "a") as file:
        file.write("more")
    assert (top / "tool").read_text() == "#!/bin/shmore"
    (top / "tool").unlink()
    assert not (top / "tool").exists()
    (top / "tool").write_text("new")
    (top / "fresh").write_text("fresher")
    os.replace(top / "fresh", top / "sub/kernel.so")
    assert (top / "sub/kernel.so").read_text() == "fresher"
    os.utime(top / "sub/kernel.so")
    shutil.rmtree(top / "sub")
    (top / "sub/deeper").mkdir(parents=True)
    assert tree(top) == ["sub", "sub/deeper", "tool"]
""",
    )


def test_a_run_that_does_not_fill_finds_an_empty_folder_where_nothing_is_stored_and_stores_nothing(lab: Lab) -> None:
    succeed(lab, FILL)
    succeed(lab, FILL)
    assert not any(store.exists() for store in stores(lab))


def test_a_filling_run_finds_its_caches_empty_and_leaves_an_older_store_alone(filled: Lab) -> None:
    succeed(
        filled, "for top in (HOME, PROJECT): assert tree(top) == []; (top / 'newer').write_text('x')", fill_caches=True
    )
    assert [tree(store) for store in stores(filled)] == [KEPT, KEPT]


def test_a_trial_that_moves_the_folder_above_its_cache_leaves_nothing(filled: Lab) -> None:
    succeed(filled, "for top in (HOME, PROJECT): top.parent.rename(top.parent.with_name('mo ved'))")
    assert [tree(store) for store in stores(filled)] == [KEPT, KEPT]


@pytest.mark.promise("bounded trial")
@pytest.mark.parametrize("top", ["HOME", "PROJECT"])
def test_what_a_trial_writes_to_its_cache_counts_as_written(filled: Lab, top: str) -> None:
    limits = Limits(wall_seconds=30, disk_bytes=3_000_000)
    measured = run(filled, f"({top} / 'big').write_bytes(bytes(range(250)) * 40_000)", limits=limits)
    assert (measured.outcome, measured.limit) == ("crash", "disk"), measured.reason
    succeed(filled, f"({top} / 'small').write_bytes(bytes(range(250)) * 4_000)", limits=limits)


def test_what_lies_in_a_cache_already_does_not_count_as_written(lab: Lab) -> None:
    succeed(lab, "(HOME / 'big').write_bytes(bytes(range(250)) * 40_000)", fill_caches=True)
    succeed(
        lab, "assert (HOME / 'big').stat().st_size == 10_000_000", limits=Limits(wall_seconds=30, disk_bytes=3_000_000)
    )


@pytest.mark.parametrize(
    "relative", ["lib", "lib/deep/helper.py", "prepare.py", "prepare.py/inside", "", "../out", "/etc/cache", "a/../b"]
)
@pytest.mark.promise("one file")
def test_a_cache_over_a_frozen_file_or_outside_the_project_is_refused(lab: Lab, relative: str) -> None:
    with pytest.raises(SandboxError, match=r"^cache '.*nothing was measured$"):
        run(lab, "", caches=(Cache("project", relative, str(stores(lab)[1])),))
    assert lab.leftovers() == []


def test_a_cache_beside_frozen_files_hides_none_of_them(lab: Lab) -> None:
    caches = (Cache("project", "lib/.cache", str(stores(lab)[1])),)
    succeed(lab, "Path('lib/.cache/new').write_text('x')", caches=caches, fill_caches=True)
    succeed(lab, "print(Path('lib/.cache/new').read_text(), Path('lib/deep/helper.py').read_text())", caches=caches)
    assert lab.said() == f"x {FROZEN['lib/deep/helper.py']}\n"
    measured = run(lab, "os.remove('lib/deep/helper.py')", caches=caches)
    assert measured.touched == ("lib/deep/helper.py",)


def test_a_cache_below_a_frozen_link_is_refused_and_what_it_leads_to_is_left_alone(lab: Lab) -> None:
    elsewhere = lab.base / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (Path(lab.spec("").snapshot) / "link").symlink_to(elsewhere)
    with pytest.raises(SandboxError, match="'link' in its path is no folder"):
        run(lab, "", caches=(Cache("project", "link/.jit", str(stores(lab)[1])),))
    assert (stat.S_IMODE(elsewhere.stat().st_mode), os.listdir(elsewhere)) == (0o755, [])


@pytest.mark.promise("your work is yours")
def test_the_persons_own_folders_of_these_names_are_neither_seen_nor_written(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(lab.base))
    own = [lab.base / "deep/.kernels", lab.root / "build/.jit"]
    for folder in own:
        folder.mkdir(parents=True)
        (folder / "private").write_text("x")

    async def both() -> None:
        async with Launcher() as launcher:
            for fill in (True, False):
                code = "for top in (HOME, PROJECT): assert 'private' not in tree(top); (top / 'mark').write_text('x')"
                measured = await launcher.run(spec(lab, code, fill_caches=fill), lab.key)
                assert measured.outcome == "ok", lab.said()

    anyio.run(both)
    assert [tree(folder) for folder in own] == [["private"], ["private"]]


# The folder for results is made with the world.
_AGE = "print('built:', os.stat(os.environ['REFEREE_RESULTS']).st_ino)\nprint('seen:', len(tree(HOME)))\n"


def test_the_world_that_is_prepared_behind_a_filling_run_shows_what_it_filled(lab: Lab) -> None:
    async def two() -> Measurement:
        following = spec(lab, _AGE, metrics=("built", "seen"))
        async with Launcher() as launcher:
            first = spec(lab, f"{FILL}\n{_AGE}", fill_caches=True, metrics=("built", "seen"))
            await launcher.run(first, lab.key, following=following)
            await stands(lab)
            (world,) = lab.leftovers()
            built = (lab.scratch / world / "out/results").stat().st_ino
            measured = await launcher.run(following, lab.key)
            assert measured.metrics["built"] == built
            return measured

    assert anyio.run(two).metrics["seen"] == len(KEPT)


@pytest.mark.promise("frozen judge")
def test_a_world_that_was_prepared_before_its_caches_were_filled_is_built_anew(lab: Lab) -> None:
    async def two() -> Measurement:
        empty = spec(lab, _AGE, metrics=("built", "seen"))
        async with Launcher() as launcher, Launcher() as other:
            await launcher.run(empty, lab.key, following=empty)
            await stands(lab)
            await other.run(spec(lab, FILL, fill_caches=True), lab.key)
            return await launcher.run(empty, lab.key)

    assert anyio.run(two).metrics["seen"] == len(KEPT)
    assert lab.leftovers() == []
