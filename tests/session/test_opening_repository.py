"""A repository that cannot carry a session is refused by name, and a project in any folder of one is opened."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session.errors import RepositoryError
from referee.session.journal import load

from tests.projects import lfs_pointer, program
from tests.session.refusing import refusal

PersonsGit = Callable[..., str]


Make = Callable[..., Path]


def test_a_folder_outside_any_repository_is_refused(opened: Any, tmp_path: Path) -> None:
    assert "not inside a git repository" in refusal(opened, tmp_path)


def test_a_folder_that_is_not_there_is_refused(opened: Any, tmp_path: Path) -> None:
    assert "not a folder" in refusal(opened, tmp_path / "nowhere")


def test_a_repository_without_a_commit_is_refused(opened: Any, tmp_path: Path, git: PersonsGit) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "program.md").write_text(program(), encoding="utf-8")
    assert "there is no commit yet" in refusal(opened, tmp_path)


def test_a_bare_repository_is_refused(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project.parent, "clone", "-q", "--bare", str(project), "bare")
    assert "a bare repository has no files to measure" in refusal(opened, project.parent / "bare")


def test_a_reftable_repository_is_refused_by_name(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project, "config", "core.repositoryFormatVersion", "1")
    git(project, "config", "extensions.refStorage", "reftable")
    assert "reftable" in refusal(opened, project)


@pytest.mark.parametrize("wreck", ["empty folder", "pipe", "text", "dangling", "no HEAD"])
def test_a_broken_git_directory_is_refused_at_once(opened: Any, project: Path, wreck: str) -> None:
    place = project / ".git"
    if wreck == "no HEAD":
        (place / "HEAD").unlink()
    else:
        place.rename(project.parent / "away")
    if wreck == "empty folder":
        place.mkdir()
    elif wreck == "pipe":
        os.mkfifo(place)
    elif wreck in {"text", "dangling"}:
        place.write_text("hello" if wreck == "text" else "gitdir: /nowhere", encoding="utf-8")
    assert refusal(opened, project)


def test_a_program_that_is_a_pipe_is_refused_at_once(opened: Any, project: Path) -> None:
    (project / "program.md").unlink()
    os.mkfifo(project / "program.md")
    assert refusal(opened, project)


@pytest.mark.parametrize(
    "name", ["sub", "a b", "[x]", "a*b?", "back\\slash", "!x", "#x", "two\nlines", "$(touch x)", "trail "]
)
def test_a_project_in_any_subfolder_is_measured_there_and_stays_clean(
    opened: Any, make_project: Make, git: PersonsGit, name: str
) -> None:
    project = make_project({f"{name}/program.md": program(), f"{name}/run.sh": "echo loss: 1\n", "x": "", "lines": ""})
    before = (project / ".git/info/exclude").read_text(encoding="utf-8")
    with opened(project / name) as session:
        assert session.target_path() == f"{name}/run.sh"
        assert (project / name / "results.tsv").is_file()
        assert git(project, "status", "--porcelain") == ""
    added = (project / ".git/info/exclude").read_text(encoding="utf-8").removeprefix(before).splitlines()
    assert all(line.endswith("results.tsv") or ".results.tsv" in line for line in added), added


def test_an_lfs_file_is_refused_without_its_object_and_frozen_with_it(opened: Any, make_project: Make) -> None:
    oid = hashlib.sha256(b"big data\n").hexdigest()
    project = make_project({"big.bin": lfs_pointer(oid, 9)})
    (project / "big.bin").write_bytes(b"big data\n")
    with pytest.raises(RepositoryError, match=r"big\.bin: its LFS object is not in the local store"), opened(project):
        pass
    store = project / ".git/lfs/objects" / oid[:2] / oid[2:4]
    store.mkdir(parents=True)
    (store / oid).write_bytes(b"big data\n")
    with opened(project) as session:
        assert (session.state_home / "snapshot/big.bin").read_bytes() == b"big data\n"
        assert load(session.journal.path).records[0].data["warnings"] == []
