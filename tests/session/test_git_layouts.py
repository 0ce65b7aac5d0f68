"""Worktrees, clones and object formats as people have them, and the directory that is ours."""

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from referee.session.errors import RepositoryError
from referee.session.git import Git

from tests.session.conftest import OpenRepository

PersonsGit = Callable[..., str]


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_both_object_formats_give_the_ids_of_git(
    tmp_path: Path, git: PersonsGit, repository: OpenRepository, form: str
) -> None:
    folder = tmp_path / form
    folder.mkdir()
    git(folder, "init", "-q", f"--object-format={form}")
    (folder / "f").write_bytes(b"content")
    git(folder, "add", "f")
    git(folder, "commit", "-qm", "c")
    ours = repository(folder)
    base = ours.base(ours.head())
    blob = ours.git.write_blob(b"new")
    assert base.by_path["f"].oid == ours.git.object_id("blob", b"content") == git(folder, "rev-parse", "HEAD:f")
    tree = ours.with_target(base, "f", blob)
    commit = ours.git.write_commit(tree, base.commit, "subject\n\nbody\n", 1_000_000_000)
    assert git(folder, "show", f"{commit}:f") == "new"
    assert git(folder, "log", "-1", "--format=%an <%ae> %ct %s", commit) == (
        "Referee <referee@localhost> 1000000000 subject"
    )


def test_a_worktree_has_its_own_head_and_shares_objects(
    project: Path, tmp_path: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    git(project, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "run.sh").write_text("echo loss: 9\n", encoding="utf-8")
    git(tmp_path / "side", "commit", "-qam", "side")
    here, there = repository(project), repository(tmp_path / "side")
    assert there.head() == git(project, "rev-parse", "side") != here.head()
    assert here.checkout.common_dir == there.checkout.common_dir
    assert here.git.read(there.git.write_blob(b"shared")) == b"shared"


def test_a_shallow_clone_can_be_a_base_and_its_missing_parents_do_not_matter(
    project: Path, tmp_path: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    git(project, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{project}", "clone")
    ours = repository(tmp_path / "clone")
    base = ours.base(ours.head())
    tree = ours.with_target(base, "run.sh", ours.git.write_blob(b"echo loss: 1\n"))
    commit = ours.git.write_commit(tree, base.commit, "x\n", 1)
    ours.git.set_refs({"refs/heads/referee/a": commit})
    git(tmp_path / "clone", "merge", "-q", "--ff-only", "referee/a")
    assert (tmp_path / "clone" / "run.sh").read_text(encoding="utf-8") == "echo loss: 1\n"


@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_objects_behind_alternates_are_found(
    project: Path,
    tmp_path: Path,
    git: PersonsGit,
    repository: OpenRepository,
    relative: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    git(tmp_path, "clone", "-q", "--shared", str(project), "clone")
    clone = tmp_path / "clone"
    if relative:
        (clone / ".git/objects/info/alternates").write_text("../../../project/.git/objects\n", encoding="ascii")
    ours = repository(clone)
    assert "run.sh" in ours.base(ours.head()).by_path


def test_a_partial_clone_fetches_nothing_and_names_the_missing_object(
    project: Path, tmp_path: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    git(project, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{project}", "clone")
    ours = repository(tmp_path / "clone")
    entry = ours.base(ours.head()).by_path["run.sh"]
    with pytest.raises(RepositoryError, match="missing"):
        ours.git.read(entry.oid)


def test_a_reftable_repository_is_refused_by_name(project: Path, git: PersonsGit, repository: OpenRepository) -> None:
    git(project, "config", "core.repositoryFormatVersion", "1")
    git(project, "config", "extensions.refStorage", "reftable")
    with pytest.raises(RepositoryError, match=r"reftable.*git refs migrate"):
        repository(project)


def test_an_owned_directory_that_leads_elsewhere_is_put_right(
    project: Path, make_project: Callable[..., Path], repository: OpenRepository
) -> None:
    other = make_project(name="other")
    ours = repository(project)
    ours.git.close()
    for name in ("objects", "refs"):
        (ours.git.dir / name).unlink()
        (ours.git.dir / name).symlink_to(other / ".git" / name)
    (ours.git.dir / "config").write_text("[core]\n\thooksPath = /evil\n", encoding="utf-8")
    again = repository(project)
    assert (again.git.dir / "objects").resolve() == project / ".git" / "objects"
    assert "evil" not in (again.git.dir / "config").read_text(encoding="utf-8")


def test_the_owned_directory_can_be_made_by_many_at_once(project: Path) -> None:
    faults: list[BaseException] = []
    start = threading.Barrier(6)

    def make() -> None:
        start.wait(60)
        try:
            Git(project.parent / "owned", project / ".git")
        except (OSError, RepositoryError) as fault:
            faults.append(fault)

    threads = [threading.Thread(target=make, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not [thread for thread in threads if thread.is_alive()]
    assert faults == []


def test_the_state_of_a_repository_is_closed_to_other_users(project: Path, repository: OpenRepository) -> None:
    ours = repository(project)
    assert stat.S_IMODE(ours.git.dir.parent.stat().st_mode) & 0o077 == 0
