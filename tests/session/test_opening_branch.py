"""Tags, branches and refs that are taken or could lead elsewhere are refused, with the way out."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session.journal import load

from tests.session.refusing import refusal

PersonsGit = Callable[..., str]


Make = Callable[..., Path]


def test_a_branch_called_referee_is_refused_with_the_command(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project, "branch", "referee")
    assert "git branch -m referee" in refusal(opened, project)
    git(project, "pack-refs", "--all")
    assert "git branch -m referee" in refusal(opened, project)


def test_a_branch_that_is_checked_out_in_any_worktree_is_refused(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project, "checkout", "-q", "-b", "referee/mar8")
    assert refusal(opened, project)
    git(project, "checkout", "-q", "main")
    git(project, "worktree", "add", "-q", "../side", "referee/mar8")
    assert refusal(opened, project)


def test_an_unborn_branch_of_that_name_is_refused(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project, "worktree", "add", "-q", "--detach", "../side")
    git(project.parent / "side", "symbolic-ref", "HEAD", "refs/heads/referee/mar8")
    assert "is checked out" in refusal(opened, project)


@pytest.mark.parametrize("ref", ["refs/referee/mar8/trials/1", "refs/referee/mar8", "refs/heads/referee/mar8/x"])
def test_refs_of_a_lost_session_are_refused_and_the_way_out_works(
    opened: Any, project: Path, git: PersonsGit, ref: str
) -> None:
    git(project, "update-ref", ref, "HEAD")
    said = refusal(opened, project)
    command = said.split("`")[1]
    subprocess.run(["sh", "-c", command], cwd=project, check=True)  # the sentence gives this line to a person
    with opened(project):
        pass


@pytest.mark.parametrize(
    "tag", ["../x", "-x", "a..b", "", ".", "..", "a/b", "a b", "x.lock", "x.", "é", "a\n", "a" * 65, "/etc"]
)
def test_a_tag_that_could_lead_elsewhere_is_refused(opened: Any, project: Path, tag: str) -> None:
    assert f"tag {tag!r}: expected" in refusal(opened, project, tag)


@pytest.mark.parametrize("tag", ["git", "HEAD", "lock", "a", "0", "a.b_c-d", "x" * 64])
def test_a_tag_that_is_allowed_collides_with_nothing_of_ours(opened: Any, project: Path, tag: str) -> None:
    with opened(project, tag) as session:
        assert session.state.opened.tag == tag
        assert not session.project.git.dir.is_relative_to(session.state_home)
    with opened(project, tag) as again:
        assert [record.kind for record in load(again.journal.path).records][:2] == ["opened", "resumed"]
