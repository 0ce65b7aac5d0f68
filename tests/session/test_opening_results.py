"""Results have a name of their own, are excluded from git, and are written through no link."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session.results import choose_name

from tests.projects import everything
from tests.session.refusing import refusal

PersonsGit = Callable[..., str]


Make = Callable[..., Path]


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling", "tracked", "pipe"])
def test_a_results_file_that_is_not_ours_is_never_touched(
    opened: Any, project: Path, tmp_path: Path, git: PersonsGit, kind: str
) -> None:
    place, other = project / "results.tsv", tmp_path / "other.tsv"
    other.write_text("mine\n", encoding="utf-8")
    if kind in {"file", "tracked"}:
        place.write_text("mine\n", encoding="utf-8")
    elif kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(other if kind == "link" else tmp_path / "nowhere")
    if kind == "tracked":
        git(project, "add", "results.tsv")
        git(project, "commit", "-qm", "results")
        place.unlink()
    before = everything(project)
    with opened(project) as session:
        assert session.state.opened.results == "results-mar8.tsv"
    after = everything(project)
    assert {name: after.get(name) for name in before if not name.startswith(".git")} == {
        name: held for name, held in before.items() if not name.startswith(".git")
    }
    assert other.read_text(encoding="utf-8") == "mine\n"
    assert not (tmp_path / "nowhere").exists()


def test_both_names_of_the_results_taken_is_refused(opened: Any, project: Path) -> None:
    for name in ("results.tsv", "results-mar8.tsv"):
        (project / name).write_text("mine\n", encoding="utf-8")
    assert "results-mar8.tsv both exist" in refusal(opened, project)


def test_a_tracked_name_is_taken_even_where_the_file_is_gone(tmp_path: Path) -> None:
    assert choose_name(tmp_path, "a", ["results.tsv"]) == "results-a.tsv"


def test_the_results_are_excluded_in_the_common_directory_of_a_worktree(
    opened: Any, project: Path, git: PersonsGit
) -> None:
    git(project, "worktree", "add", "-q", "--detach", "../side")
    side = project.parent / "side"
    with opened(side):
        assert (side / "results.tsv").exists()
        assert git(side, "status", "--porcelain") == ""
    assert "/results.tsv" in (project / ".git/info/exclude").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "linked folder"])
def test_an_exclude_file_that_leads_elsewhere_is_not_written_through(
    opened: Any, project: Path, tmp_path: Path, kind: str
) -> None:
    """`.git/info/exclude -> ~/.bashrc` would give a hostile folder's name to a shell."""
    other, place = tmp_path / "bashrc", project / ".git/info/exclude"
    other.write_text("true\n", encoding="utf-8")
    place.unlink()
    if kind in {"link", "dangling"}:
        place.symlink_to(other if kind == "link" else tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.parent.rmdir()
        place.parent.symlink_to(tmp_path)
        (tmp_path / "exclude").write_text("true\n", encoding="utf-8")
    with opened(project):
        pass
    assert other.read_text(encoding="utf-8") == "true\n"
    assert not (tmp_path / "nowhere").exists()
    if kind == "linked folder":
        assert (tmp_path / "exclude").read_text(encoding="utf-8") == "true\n"
