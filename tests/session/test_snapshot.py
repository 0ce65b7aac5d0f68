"""The frozen files on the disk: whatever is done to them is seen, named and put right."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.session.conftest import Freeze


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
    frozen: Freeze, act: Callable[[Path], None], path: str
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
    frozen: Freeze, act: Callable[[Path], None], path: str
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


def test_rebuilding_follows_no_link_and_removes_nothing_behind_one(frozen: Freeze, tmp_path: Path) -> None:
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
