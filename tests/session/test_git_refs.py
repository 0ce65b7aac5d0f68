"""Refs are read, written and deleted together, packed or loose, whatever they are called."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from referee.session.errors import RepositoryError

from tests.session.conftest import OpenRepository

PersonsGit = Callable[..., str]


def test_refs_are_read_written_and_deleted_right_after_pack_refs(
    project: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    ours = repository(project)
    commit = ours.head()
    ours.git.set_refs({"refs/referee/a/best": commit, "refs/referee/a/x": commit, "refs/heads/referee/a": commit})
    git(project, "pack-refs", "--all", "--prune")
    assert "refs/referee/a/best" in (project / ".git" / "packed-refs").read_text(encoding="utf-8")
    assert ours.head() == commit
    ours.git.set_refs({"refs/referee/a/x": None})
    assert git(project, "for-each-ref", "--format=%(refname)") == (
        "refs/heads/main\nrefs/heads/referee/a\nrefs/referee/a/best"
    )
    assert not (project / ".git" / "packed-refs").is_symlink()
    assert (ours.git.dir / "packed-refs").is_symlink()


def test_refs_change_all_together_or_not_at_all(project: Path, repository: OpenRepository) -> None:
    ours = repository(project)
    commit = ours.head()
    ours.git.set_refs({"refs/referee/a": commit})
    with pytest.raises(RepositoryError):
        ours.git.set_refs({"refs/referee/b": commit, "refs/referee/a/below": commit})
    assert ours.git.refs("refs/referee") == {"refs/referee/a": commit}


def test_a_symbolic_ref_in_our_place_does_not_move_the_persons_branch(
    project: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    ours = repository(project)
    main = ours.head()
    other = ours.git.write_commit(ours.base(main).tree, main, "x\n", 1)
    git(project, "symbolic-ref", "refs/heads/referee/a", "refs/heads/main")
    ours.git.set_refs({"refs/heads/referee/a": other})
    assert git(project, "rev-parse", "main", "referee/a").split() == [main, other]


def test_ref_names_with_line_separators_and_foreign_bytes_are_listed_and_deleted(
    project: Path, repository: OpenRepository
) -> None:
    ours = repository(project)
    commit = ours.head()
    folder = project / ".git" / "refs" / "referee" / "a"
    folder.mkdir(parents=True)
    for name in (b"u\xe2\x80\xa8v", b"next\xc2\x85line", b"latin\xe9"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(f"{commit}\n", encoding="ascii")
    found = ours.git.refs("refs/referee")
    assert set(found.values()) == {commit}
    assert len(found) == 3
    ours.git.set_refs(dict.fromkeys(found))
    assert ours.git.refs("refs/referee") == {}
