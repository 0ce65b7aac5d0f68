"""What is written as a snapshot is what git holds, and nothing at all where git does not hold it."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from referee.session.errors import RepositoryError
from referee.session.snapshot import Snapshot

from tests.conftest import MakeProject
from tests.projects import lfs_pointer, loose
from tests.session.conftest import FROZEN_FILES, Freeze, OpenRepository
from tests.session.forging import forge


def test_the_snapshot_is_the_commit_without_target_and_program(frozen: Freeze) -> None:
    snapshot = frozen()
    snapshot.open()
    names = {str(path.relative_to(snapshot.folder)) for path in snapshot.folder.rglob("*")}
    assert names == {*FROZEN_FILES, "judge", "judge/deep", "inner", "outer"}
    modes = {name: stat.S_IMODE((snapshot.folder / name).stat().st_mode) for name in FROZEN_FILES}
    assert modes == {"judge/score.py": 0o444, "judge/deep/data.csv": 0o444, "tool.sh": 0o555}
    assert os.readlink(snapshot.folder / "outer") == "/etc/passwd"


def test_a_wide_umask_or_a_narrow_one_changes_no_mode(frozen: Freeze) -> None:
    before = os.umask(0o077)
    try:
        snapshot = frozen()
        snapshot.open()
    finally:
        os.umask(before)
    assert stat.S_IMODE((snapshot.folder / "tool.sh").stat().st_mode) == 0o555
    assert stat.S_IMODE((snapshot.folder / "judge").stat().st_mode) == 0o777


def test_unusual_names_are_written_and_watched(
    make_project: MakeProject, repository: OpenRepository, git: Callable[..., str]
) -> None:
    project = make_project()
    names = [b"two\nlines", b"-rf", b"caf\xe9", b" ", b"a\\b", b"*", b"\xe2\x80\xae"]
    for name in names:
        (project / os.fsdecode(name)).write_bytes(name)
    git(project, "add", "--all")
    git(project, "commit", "-qm", "odd")
    ours = repository(project)
    base = ours.base(ours.head())
    snapshot = Snapshot(project.parent / "s", ours.git, base, frozenset(), project)
    snapshot.open()
    for name in names:
        assert (snapshot.folder / os.fsdecode(name)).read_bytes() == name
    (snapshot.folder / os.fsdecode(b"caf\xe9")).unlink()
    assert [os.fsencode(said) for said in snapshot.verify()] == [b"caf\xe9 was removed from"]


def test_a_damaged_object_is_named_by_its_path(frozen: Freeze, tmp_path: Path, git: Callable[..., str]) -> None:
    project = tmp_path / "project"
    oid = git(project, "rev-parse", "HEAD:judge/score.py")
    forge(project, oid, "blob", b"print('loss: 0')\n")
    with pytest.raises(RepositoryError, match=r"judge/score\.py.*damaged.*git fsck"):
        frozen().open()


def test_a_missing_object_is_named_by_its_path(frozen: Freeze, tmp_path: Path, git: Callable[..., str]) -> None:
    project = tmp_path / "project"
    oid = git(project, "rev-parse", "HEAD:judge/score.py")
    loose(project, oid).unlink()
    with pytest.raises(RepositoryError, match=r"judge/score\.py.*missing"):
        frozen().open()


def test_a_rebuild_that_failed_half_way_is_not_taken_for_a_snapshot(
    frozen: Freeze, tmp_path: Path, git: Callable[..., str]
) -> None:
    project = tmp_path / "project"
    oid = git(project, "rev-parse", "HEAD:tool.sh")
    place = loose(project, oid)
    data = place.read_bytes()
    place.unlink()
    with pytest.raises(RepositoryError):
        frozen().open()
    place.write_bytes(data)
    again = frozen()
    again.open()
    assert (again.folder / "tool.sh").exists()
    assert again.verify() == []


@pytest.mark.parametrize(
    "oid", ["../../../../etc/passwd", "/etc/passwd", "", "é" * 64], ids=["dots", "absolute", "empty", "not hex"]
)
def test_an_lfs_pointer_that_points_out_of_the_store_is_refused(
    make_project: MakeProject, repository: OpenRepository, oid: str
) -> None:
    project = make_project({"data.bin": lfs_pointer(oid, 1)})
    ours = repository(project)
    base = ours.base(ours.head())
    with pytest.raises(RepositoryError, match=r"data\.bin.*not in the local store"):
        Snapshot(project.parent / "s", ours.git, base, frozenset(), project / ".git/lfs/objects").open()


def test_a_forged_lfs_object_is_refused(make_project: MakeProject, repository: OpenRepository) -> None:
    oid = hashlib.sha256(b"true").hexdigest()
    project = make_project({"data.bin": lfs_pointer(oid, 4)})
    store = project / ".git/lfs/objects" / oid[:2] / oid[2:4]
    store.mkdir(parents=True)
    (store / oid).write_bytes(b"fake")
    ours = repository(project)
    base = ours.base(ours.head())
    snapshot = Snapshot(project.parent / "s", ours.git, base, frozenset(), project / ".git/lfs/objects")
    with pytest.raises(RepositoryError, match="not in the local store"):
        snapshot.open()
    (store / oid).write_bytes(b"true")
    snapshot.open()
    assert (snapshot.folder / "data.bin").read_bytes() == b"true"
