"""The frozen files on the disk: whatever is done to them is seen and named, and what is written is what git holds."""

import hashlib
import os
import shutil
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from referee.session.errors import RepositoryError
from referee.session.places import find_checkout
from referee.session.repository import Repository
from referee.session.snapshot import Snapshot

FILES = {"judge/score.py": "print('loss: 3')\n", "judge/deep/data.csv": "1,2\n", "tool.sh": "#!/bin/sh\n"}
Make = Callable[..., Snapshot]


@pytest.fixture
def frozen(
    make_project: Callable[..., Path], git: Callable[..., str], tmp_path: Path
) -> Iterator[Callable[[], Snapshot]]:
    """A project with links, folders and an executable; each call is a new look at the same snapshot folder."""
    project = make_project(FILES)
    (project / "tool.sh").chmod(0o755)
    (project / "inner").symlink_to("judge")
    (project / "outer").symlink_to("/etc/passwd")
    git(project, "add", "--all")
    git(project, "commit", "-qm", "links")
    repository = Repository(find_checkout(project))

    def make() -> Snapshot:
        base = repository.base(repository.head())
        left_out = frozenset({"run.sh", "program.md"})
        return Snapshot(tmp_path / "snapshot", repository.git, base, left_out, tmp_path / "lfs")

    yield make
    repository.git.close()


def write(folder: Path) -> None:
    (folder / "judge/score.py").chmod(0o644)
    (folder / "judge/score.py").write_text("print('loss: 0')\n", encoding="utf-8")


def same_length_and_times(folder: Path) -> None:
    place = folder / "judge/score.py"
    before = place.stat()
    place.chmod(0o644)
    place.write_text("print('loss: 0')\n", encoding="utf-8")
    place.chmod(0o444)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))


def rename_over(folder: Path) -> None:
    (folder / "new").write_text("print('loss: 0')\n", encoding="utf-8")
    (folder / "new").replace(folder / "judge/score.py")


def executable(folder: Path) -> None:
    (folder / "judge/score.py").chmod(0o755)


def not_executable(folder: Path) -> None:
    (folder / "tool.sh").chmod(0o444)


def add(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text("import os\n", encoding="utf-8")


def add_folder(folder: Path) -> None:
    (folder / "numpy").mkdir()


def add_link(folder: Path) -> None:
    (folder / "judge" / "json").symlink_to("/tmp")


def put_target(folder: Path) -> None:
    (folder / "run.sh").write_text("echo loss: 0\n", encoding="utf-8")


def remove(folder: Path) -> None:
    (folder / "judge/deep/data.csv").unlink()


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder / "judge")


def file_to_link(folder: Path) -> None:
    shutil.copy(folder / "judge/score.py", folder.parent / "copy.py")
    (folder / "judge/score.py").unlink()
    (folder / "judge/score.py").symlink_to(folder.parent / "copy.py")


def file_to_pipe(folder: Path) -> None:
    (folder / "judge/score.py").unlink()
    os.mkfifo(folder / "judge/score.py", 0o444)


def file_to_folder(folder: Path) -> None:
    (folder / "judge/score.py").unlink()
    (folder / "judge/score.py").mkdir()


def link_elsewhere(folder: Path) -> None:
    (folder / "inner").unlink()
    (folder / "inner").symlink_to("/tmp")


def link_to_file(folder: Path) -> None:
    (folder / "inner").unlink()
    (folder / "inner").write_text("judge", encoding="utf-8")


def folder_to_link_of_equal_content(folder: Path) -> None:
    shutil.move(folder / "judge", folder.parent / "elsewhere")
    (folder / "judge").symlink_to(folder.parent / "elsewhere")


def whole_to_link_of_equal_content(folder: Path) -> None:
    folder.rename(folder.parent / "moved")
    folder.symlink_to(folder.parent / "moved")


DONE = [
    (write, "judge/score.py"),
    (same_length_and_times, "judge/score.py"),
    (rename_over, "judge/score.py"),
    (executable, "judge/score.py"),
    (not_executable, "tool.sh"),
    (add, "sitecustomize.py"),
    (add_folder, "numpy"),
    (add_link, "judge/json"),
    (put_target, "run.sh"),
    (remove, "judge/deep/data.csv"),
    (remove_folder, "judge/score.py"),
    (file_to_link, "judge/score.py"),
    (file_to_pipe, "judge/score.py"),
    (file_to_folder, "judge/score.py"),
    (link_elsewhere, "inner"),
    (link_to_file, "inner"),
    (folder_to_link_of_equal_content, "judge"),
    (whole_to_link_of_equal_content, ""),
]


@pytest.mark.parametrize(("act", "path"), DONE, ids=[act.__name__ for act, _ in DONE])
def test_whatever_is_done_while_the_session_is_open_is_named(
    frozen: Callable[[], Snapshot], act: Callable[[Path], None], path: str
) -> None:
    snapshot = frozen()
    assert snapshot.open() == []
    assert snapshot.verify() == []
    act(snapshot.folder)
    found = snapshot.verify()
    assert found
    assert any(said.startswith(path) for said in found), found
    assert snapshot.verify() == found  # it is not forgotten after it was said


@pytest.mark.parametrize(("act", "path"), DONE, ids=[act.__name__ for act, _ in DONE])
def test_whatever_is_done_while_no_server_runs_is_named_and_put_right_at_the_next_start(
    frozen: Callable[[], Snapshot], act: Callable[[Path], None], path: str
) -> None:
    first = frozen()
    first.open()
    act(first.folder)
    again = frozen()
    found = again.open()
    assert found
    assert any(said.startswith(path) for said in found), found
    assert again.verify() == []
    assert frozen().open() == []
    assert (again.folder / "judge/score.py").read_text(encoding="utf-8") == "print('loss: 3')\n"
    assert not (again.folder / "judge").is_symlink()
    assert not again.folder.is_symlink()


def test_rebuilding_follows_no_link_and_removes_nothing_behind_one(
    frozen: Callable[[], Snapshot], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "precious"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine", encoding="utf-8")
    snapshot = frozen()
    snapshot.open()
    shutil.rmtree(snapshot.folder)
    snapshot.folder.symlink_to(elsewhere)
    frozen().open()
    assert [path.name for path in elsewhere.iterdir()] == ["file"]
    assert (elsewhere / "file").read_text(encoding="utf-8") == "mine"


def test_the_snapshot_is_the_commit_without_target_and_program(frozen: Callable[[], Snapshot]) -> None:
    snapshot = frozen()
    snapshot.open()
    names = {str(path.relative_to(snapshot.folder)) for path in snapshot.folder.rglob("*")}
    assert names == {*FILES, "judge", "judge/deep", "inner", "outer"}
    modes = {name: stat.S_IMODE((snapshot.folder / name).stat().st_mode) for name in FILES}
    assert modes == {"judge/score.py": 0o444, "judge/deep/data.csv": 0o444, "tool.sh": 0o555}
    assert os.readlink(snapshot.folder / "outer") == "/etc/passwd"


def test_a_wide_umask_or_a_narrow_one_changes_no_mode(frozen: Callable[[], Snapshot]) -> None:
    before = os.umask(0o077)
    try:
        snapshot = frozen()
        snapshot.open()
    finally:
        os.umask(before)
    assert stat.S_IMODE((snapshot.folder / "tool.sh").stat().st_mode) == 0o555
    assert stat.S_IMODE((snapshot.folder / "judge").stat().st_mode) == 0o777


def test_unusual_names_are_written_and_watched(make_project: Callable[..., Path], git: Callable[..., str]) -> None:
    project = make_project()
    names = [b"two\nlines", b"-rf", b"caf\xe9", b" ", b"a\\b", b"*", b"\xe2\x80\xae"]
    for name in names:
        (project / os.fsdecode(name)).write_bytes(name)
    git(project, "add", "--all")
    git(project, "commit", "-qm", "odd")
    repository = Repository(find_checkout(project))
    base = repository.base(repository.head())
    snapshot = Snapshot(project.parent / "s", repository.git, base, frozenset(), project)
    snapshot.open()
    for name in names:
        assert (snapshot.folder / os.fsdecode(name)).read_bytes() == name
    (snapshot.folder / os.fsdecode(b"caf\xe9")).unlink()
    assert [os.fsencode(said) for said in snapshot.verify()] == [b"caf\xe9 was removed from"]
    repository.git.close()


def test_a_damaged_object_is_named_by_its_path(
    frozen: Callable[[], Snapshot], tmp_path: Path, git: Callable[..., str]
) -> None:
    project = tmp_path / "project"
    oid = git(project, "rev-parse", "HEAD:judge/score.py")
    place = project / ".git/objects" / oid[:2] / oid[2:]
    place.chmod(0o644)
    place.write_bytes(zlib.compress(b"blob 17\0print('loss: 0')\n"))
    with pytest.raises(RepositoryError, match=r"judge/score\.py.*damaged.*git fsck"):
        frozen().open()


def test_a_missing_object_is_named_by_its_path(
    frozen: Callable[[], Snapshot], tmp_path: Path, git: Callable[..., str]
) -> None:
    project = tmp_path / "project"
    oid = git(project, "rev-parse", "HEAD:judge/score.py")
    (project / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(RepositoryError, match=r"judge/score\.py.*missing"):
        frozen().open()


def test_a_rebuild_that_failed_half_way_is_not_taken_for_a_snapshot(
    frozen: Callable[[], Snapshot], tmp_path: Path, git: Callable[..., str]
) -> None:
    project = tmp_path / "project"
    oid = git(project, "rev-parse", "HEAD:tool.sh")
    place = project / ".git/objects" / oid[:2] / oid[2:]
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
def test_an_lfs_pointer_that_points_out_of_the_store_is_refused(make_project: Callable[..., Path], oid: str) -> None:
    project = make_project({"data.bin": f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 1\n"})
    repository = Repository(find_checkout(project))
    base = repository.base(repository.head())
    with pytest.raises(RepositoryError, match=r"data\.bin.*not in the local store"):
        Snapshot(project.parent / "s", repository.git, base, frozenset(), project / ".git/lfs/objects").open()
    repository.git.close()


def test_a_forged_lfs_object_is_refused(make_project: Callable[..., Path]) -> None:
    oid = hashlib.sha256(b"true").hexdigest()
    project = make_project({"data.bin": f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 4\n"})
    store = project / ".git/lfs/objects" / oid[:2] / oid[2:4]
    store.mkdir(parents=True)
    (store / oid).write_bytes(b"fake")
    repository = Repository(find_checkout(project))
    base = repository.base(repository.head())
    snapshot = Snapshot(project.parent / "s", repository.git, base, frozenset(), project / ".git/lfs/objects")
    with pytest.raises(RepositoryError, match="not in the local store"):
        snapshot.open()
    (store / oid).write_bytes(b"true")
    snapshot.open()
    assert (snapshot.folder / "data.bin").read_bytes() == b"true"
    repository.git.close()
