"""Objects, trees, commits and caches that someone has prepared bring in nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from referee.session.errors import RepositoryError

from tests.projects import git_bytes
from tests.session.conftest import OpenRepository
from tests.session.forging import forge, raw_tree, stored

PersonsGit = Callable[..., str]


def test_an_object_whose_content_was_forged_is_refused_by_name(project: Path, repository: OpenRepository) -> None:
    ours = repository(project).git
    oid = ours.write_blob(b"the true bytes")
    forge(project, oid, "blob", b"forged bytes!!")
    with pytest.raises(RepositoryError, match=f"{oid[:7]}.*damaged"):
        ours.read(oid)


@pytest.mark.parametrize("below", ["", "judge"], ids=["root tree", "subtree"])
def test_a_forged_tree_cannot_bring_in_another_judge(
    make_project: Callable[..., Path], git: PersonsGit, repository: OpenRepository, below: str
) -> None:
    """A loose tree is rewritten so that the evaluator's name leads to the forger's blob."""
    project = make_project({"judge/score.py": "print('loss: 3')\n", "score.py": "print('loss: 3')\n"})
    fake = stored(project, "blob", b"print('loss: 0')\n")
    tree = git(project, "rev-parse", f"HEAD:{below}")
    true = git(project, "rev-parse", f"HEAD:{below}/score.py" if below else "HEAD:score.py")
    raw = git_bytes(project, "cat-file", "tree", tree).replace(bytes.fromhex(true), bytes.fromhex(fake))
    forge(project, tree, "tree", raw)
    ours = repository(project)
    with pytest.raises(RepositoryError, match=r"damaged|mismatch|missing"):
        ours.base(ours.head())


def test_a_forged_commit_cannot_bring_in_another_tree(
    project: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    commit, other = git(project, "rev-parse", "HEAD"), git(project, "mktree")
    tree = git(project, "rev-parse", "HEAD^{tree}").encode()
    raw = git_bytes(project, "cat-file", "commit", commit).replace(tree, other.encode())
    forge(project, commit, "commit", raw)
    ours = repository(project)
    with pytest.raises(RepositoryError):
        ours.base(commit)


@pytest.mark.parametrize(
    "entries",
    [
        [("120000", b"d", "LINK"), ("100644", b"d/passwd", "BLOB")],
        [("100644", b"../escape", "BLOB")],
        [("100644", b"/absolute", "BLOB")],
        [("100644", b"..", "BLOB")],
        [("100644", b".GiT", "BLOB")],
        [("40000", b".git", "TREE")],
        [("100644", b"twice", "BLOB"), ("120000", b"twice", "LINK")],
        [("120000", b"d", "LINK"), ("40000", b"d", "TREE")],
        [("100644", b"a/b", "BLOB")],
        [("100644", b"", "BLOB")],
    ],
    ids=["link+below", "dotdot", "absolute", "..", ".GiT", ".git/", "duplicate", "link=tree", "slash", "empty"],
)
def test_a_tree_that_leads_out_of_itself_is_refused_by_name(
    project: Path, repository: OpenRepository, entries: list[tuple[str, bytes, str]]
) -> None:
    """Objects like these can arrive by fetch; git itself refuses them only with fsckObjects."""
    ours = repository(project)
    inner = ours.git.write_blob(b"x")
    known = {
        "BLOB": inner,
        "LINK": ours.git.write_blob(b"/etc"),
        "TREE": ours.git.write_tree([("100644", "blob", inner, "passwd")]),
    }
    commit = raw_tree(project, [(mode, name, known[kind]) for mode, name, kind in entries])
    with pytest.raises(RepositoryError, match=r"never legitimate|damaged"):
        ours.base(commit)


def test_a_replace_ref_forges_nothing(project: Path, git: PersonsGit, repository: OpenRepository) -> None:
    true = git(project, "rev-parse", "HEAD:run.sh")
    (project / "fake").write_text("echo loss: 0\n", encoding="utf-8")
    git(project, "replace", true, git(project, "hash-object", "-w", "fake"))
    assert git(project, "show", "HEAD:run.sh") == "echo loss: 0"
    ours = repository(project)
    assert ours.git.read(ours.base(ours.head()).by_path["run.sh"].oid).startswith(b"echo loss: 3")


def test_a_forged_commit_graph_does_not_move_the_base(
    project: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    """The commit-graph is a cache of commit to tree that git believes without reading the commit."""
    first = git(project, "rev-parse", "HEAD^{tree}")
    (project / "run.sh").write_text("echo loss: 0\n", encoding="utf-8")
    git(project, "commit", "-qam", "another")
    second = git(project, "rev-parse", "HEAD^{tree}")
    git(project, "commit-graph", "write", "--reachable")
    graph = project / ".git" / "objects" / "info" / "commit-graph"
    graph.chmod(0o644)
    graph.write_bytes(graph.read_bytes().replace(bytes.fromhex(second), bytes.fromhex(first)))
    ours = repository(project)
    assert ours.base(ours.head()).tree == second
