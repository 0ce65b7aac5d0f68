"""A target that is no plain tracked text is refused by name before anything is written."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.projects import lfs_pointer, program
from tests.session.mischief import to_folder, to_hard_link, to_link, to_nothing, to_pipe, to_socket
from tests.session.refusing import refusal

PersonsGit = Callable[..., str]


Make = Callable[..., Path]


def test_a_target_that_is_nowhere_is_refused(opened: Any, make_project: Make) -> None:
    said = refusal(opened, make_project({"program.md": program("gone.py")}))
    assert "target gone.py: does not exist at HEAD" in said


def test_a_target_that_is_not_tracked_is_refused_with_the_command(opened: Any, make_project: Make) -> None:
    project = make_project({"program.md": program("new.py")})
    (project / "new.py").write_text("x\n", encoding="utf-8")
    assert "git add new.py" in refusal(opened, project)


def test_a_target_of_another_case_is_another_file(opened: Any, make_project: Make) -> None:
    assert "RUN.SH: does not exist" in refusal(opened, make_project({"program.md": program("RUN.SH")}))


@pytest.mark.parametrize(
    "path",
    ["../other", "./run.sh", "a//run.sh", "/etc/passwd", "-rf", "~/x", ".git/config", ".GIT/config", "a/../run.sh"],
)
def test_a_target_in_a_crooked_spelling_is_refused(opened: Any, make_project: Make, path: str) -> None:
    assert "target" in refusal(opened, make_project({"program.md": program(f"'{path}'")}))


def test_a_target_that_is_a_link_in_the_tree_is_refused(opened: Any, make_project: Make, git: PersonsGit) -> None:
    project = make_project({"program.md": program("link.py"), "judge.py": "x\n"})
    (project / "link.py").symlink_to("judge.py")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "link")
    assert "link.py: is a symbolic link" in refusal(opened, project)


def test_a_target_below_a_link_in_the_tree_is_refused(opened: Any, make_project: Make, git: PersonsGit) -> None:
    project = make_project({"program.md": program("inner/judge.py"), "real/judge.py": "x\n"})
    (project / "inner").symlink_to("real")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "link")
    assert "inner/judge.py: is not tracked" in refusal(opened, project)


def test_a_target_that_is_a_folder_or_a_submodule_is_refused(opened: Any, make_project: Make, git: PersonsGit) -> None:
    project = make_project({"program.md": program("sub"), "sub/file": "x\n"})
    assert "sub: is a folder" in refusal(opened, project)
    head = git(project, "rev-parse", "HEAD")
    git(project, "rm", "-rqf", "sub")
    git(project, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    git(project, "commit", "-qm", "submodule")
    assert "sub: is a submodule" in refusal(opened, project)


@pytest.mark.parametrize(
    "act", [to_link, to_hard_link, to_pipe, to_folder, to_nothing, to_socket], ids=lambda act: act.__name__
)
@pytest.mark.parametrize("target", ["run.sh", "src/deep/train.sh"])
def test_a_target_that_is_no_plain_file_in_the_checkout_is_refused_at_once(
    opened: Any, make_project: Make, act: Callable[[Path], None], target: str
) -> None:
    project = make_project({"program.md": program(target), "src/deep/train.sh": "echo loss: 1\n"})
    act(project / target)
    assert f"target {target}" in refusal(opened, project)


def test_a_target_below_a_folder_that_became_a_link_is_refused(opened: Any, make_project: Make) -> None:
    project = make_project({"program.md": program("src/train.sh"), "src/train.sh": "echo loss: 1\n"})
    shutil.move(project / "src", project.parent / "elsewhere")
    (project / "src").symlink_to(project.parent / "elsewhere")
    assert "target src/train.sh" in refusal(opened, project)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"caf\xe9\n", "not UTF-8"), (b"a\0b\n", "NUL"), (b"x" * 1_000_001, "at most"), (b"\xff\xfea\0", "not UTF-8")],
    ids=["latin", "nul", "large", "utf-16"],
)
def test_a_target_that_is_no_text_of_a_bounded_size_is_refused(
    opened: Any, project: Path, git: PersonsGit, data: bytes, said: str
) -> None:
    (project / "run.sh").write_bytes(data)
    git(project, "commit", "-qam", "no text")
    assert said in refusal(opened, project)


def test_a_target_that_is_an_lfs_pointer_is_refused(opened: Any, make_project: Make) -> None:
    oid = hashlib.sha256(b"big").hexdigest()
    assert "LFS" in refusal(opened, make_project({"run.sh": lfs_pointer(oid, 3)}))
