"""Git plumbing on repositories as people have them, and on ones that someone has prepared."""

import os
import stat
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referee.session.errors import RepositoryError
from referee.session.git import Git
from referee.session.places import find_checkout
from referee.session.repository import Repository

PersonsGit = Callable[..., str]
Open = Callable[[Path], Repository]
ODD_NAMES = [
    b"a b.txt",
    b"two\nlines",
    b"-rf",
    b"caf\xe9.txt",
    b"tab\there",
    b'"quoted"',
    b"\xe2\x80\xa8",
    b" lead",
    b"a\\b",
]


@pytest.fixture
def repository() -> Iterator[Open]:
    made: list[Repository] = []

    def open_repository(folder: Path) -> Repository:
        made.append(Repository(find_checkout(folder)))
        return made[-1]

    yield open_repository
    for one in made:
        one.git.close()


def loose(folder: Path, oid: str) -> Path:
    return folder / ".git" / "objects" / oid[:2] / oid[2:]


def forge(folder: Path, oid: str, kind: str, data: bytes) -> None:
    """Put other content where git keeps a loose object."""
    place = loose(folder, oid)
    place.chmod(0o644)
    place.write_bytes(zlib.compress(f"{kind} {len(data)}\0".encode() + data))


def raw_tree(folder: Path, entries: list[tuple[str, bytes, str]]) -> str:
    """Store a tree that git itself would never write, and a commit of it."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    tree = (
        subprocess.run(
            ["git", "hash-object", "-t", "tree", "--literally", "-w", "--stdin"],
            cwd=folder,
            input=data,
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )
    return (
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-m", "forged", tree],
            cwd=folder,
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_come_back_exactly_as_they_were_stored(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("raw")
    subprocess.run(["git", "init", "-q", folder], check=True)
    git = Git(folder / "owned", folder / ".git")
    try:
        oid = git.write_blob(data)
        assert git.read(oid) == data
        assert git.object_id("blob", data) == oid
    finally:
        git.close()


def test_line_endings_and_attributes_change_no_byte_of_a_blob(project: Path, git: PersonsGit, repository: Open) -> None:
    (project / ".gitattributes").write_text("* text eol=crlf ident\n", encoding="utf-8")
    git(project, "config", "core.autocrlf", "true")
    ours = repository(project).git
    data = b"a\r\nb\n$Id$\r\n\0"
    assert ours.read(ours.write_blob(data)) == data


def test_names_of_every_kind_survive_listing_and_rewriting(project: Path, git: PersonsGit, repository: Open) -> None:
    for name in ODD_NAMES:
        (project / os.fsdecode(name)).write_bytes(name)
    git(project, "add", "--all")
    git(project, "commit", "-qm", "odd names")
    ours = repository(project)
    base = ours.base(ours.head())
    assert {os.fsencode(path) for path in base.by_path} == {*ODD_NAMES, b"program.md", b"run.sh"}
    assert ours.with_target(base, "run.sh", base.by_path["run.sh"].oid) == base.tree


def test_a_tree_with_the_same_target_is_the_same_tree_at_any_depth(
    make_project: Callable[..., Path], git: PersonsGit, repository: Open
) -> None:
    project = make_project({"a/b/c.py": "x = 1\n", "a/z": "z\n", "a.txt": "sorts between\n", "a/b.py": "y\n"})
    (project / "a" / "tool").write_text("#!/bin/sh\n", encoding="utf-8")
    (project / "a" / "tool").chmod(0o755)
    (project / "a" / "link").symlink_to("z")
    git(project, "add", "--all")
    git(project, "commit", "-qm", "more")
    ours = repository(project)
    base = ours.base(ours.head())
    for path in ("a/b/c.py", "a.txt", "a/tool", "run.sh"):
        assert ours.with_target(base, path, base.by_path[path].oid) == base.tree
    changed = ours.with_target(base, "a/b/c.py", ours.git.write_blob(b"x = 2\n"))
    assert git(project, "diff-tree", "-r", "--name-status", base.tree, changed) == "M\ta/b/c.py"


def test_a_missing_object_is_named_with_the_way_out_and_the_next_read_works(project: Path, repository: Open) -> None:
    ours = repository(project).git
    with pytest.raises(RepositoryError, match=f"object {'1' * 40} is missing.*git fetch"):
        ours.read("1" * 40)
    assert ours.read(ours.write_blob(b"still here")) == b"still here"


@pytest.mark.parametrize("wreck", [b"", b"not zlib", zlib.compress(b"blob 5\0abc")], ids=["empty", "garbage", "short"])
def test_a_damaged_object_is_a_fault_in_words_and_the_next_read_works(
    project: Path, repository: Open, wreck: bytes
) -> None:
    ours = repository(project).git
    oid, other = ours.write_blob(b"the true bytes"), ours.write_blob(b"another")
    ours.close()
    loose(project, oid).chmod(0o644)
    loose(project, oid).write_bytes(wreck)
    with pytest.raises(RepositoryError, match=oid[:7]):
        ours.read(oid)
    assert ours.read(other) == b"another"


def test_an_object_whose_content_was_forged_is_refused_by_name(project: Path, repository: Open) -> None:
    ours = repository(project).git
    oid = ours.write_blob(b"the true bytes")
    forge(project, oid, "blob", b"forged bytes!!")
    with pytest.raises(RepositoryError, match=f"{oid[:7]}.*damaged"):
        ours.read(oid)


@pytest.mark.parametrize("below", ["", "judge"], ids=["root tree", "subtree"])
def test_a_forged_tree_cannot_bring_in_another_judge(
    make_project: Callable[..., Path], git: PersonsGit, repository: Open, below: str
) -> None:
    """A loose tree is rewritten so that the evaluator's name leads to the forger's blob."""
    project = make_project({"judge/score.py": "print('loss: 3')\n", "score.py": "print('loss: 3')\n"})
    fake = (
        subprocess.run(
            ["git", "hash-object", "-w", "--stdin"],
            cwd=project,
            input=b"print('loss: 0')\n",
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )
    tree = git(project, "rev-parse", f"HEAD:{below}")
    true = git(project, "rev-parse", f"HEAD:{below}/score.py" if below else "HEAD:score.py")
    raw = subprocess.run(
        ["git", "cat-file", "tree", tree], cwd=project, capture_output=True, check=True
    ).stdout.replace(bytes.fromhex(true), bytes.fromhex(fake))
    forge(project, tree, "tree", raw)
    ours = repository(project)
    with pytest.raises(RepositoryError, match=r"damaged|mismatch|missing"):
        ours.base(ours.head())


def test_a_forged_commit_cannot_bring_in_another_tree(project: Path, git: PersonsGit, repository: Open) -> None:
    commit, other = git(project, "rev-parse", "HEAD"), git(project, "mktree")
    raw = subprocess.run(
        ["git", "cat-file", "commit", commit], cwd=project, capture_output=True, check=True
    ).stdout.replace(git(project, "rev-parse", "HEAD^{tree}").encode(), other.encode())
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
    project: Path, repository: Open, entries: list[tuple[str, bytes, str]]
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


def test_two_threads_that_read_at_once_get_their_own_objects(project: Path, repository: Open) -> None:
    """A trial's text is read while a worker serves a reading tool."""
    ours = repository(project).git
    wanted = {ours.write_blob(text := f"{n}".encode() * 3000): text for n in range(1, 9)}
    wrong: list[str] = []

    def check(oid: str, text: bytes) -> None:
        for _ in range(150):
            try:
                if ours.read(oid) != text:
                    wrong.append(oid)
            except (RepositoryError, ValueError, OSError) as fault:
                wrong.append(repr(fault))
                return

    threads = [threading.Thread(target=check, args=item, daemon=True) for item in wanted.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not [thread for thread in threads if thread.is_alive()]
    assert wrong == []


def test_a_reader_that_was_killed_is_started_again(project: Path, repository: Open) -> None:
    ours = repository(project).git
    oid = ours.write_blob(b"bytes")
    ours.read(oid)
    reader = ours._batch  # pyright: ignore[reportPrivateUsage] - only killing it shows that it is started again
    assert reader is not None
    reader.kill()
    reader.wait(10)
    assert ours.read(oid) == b"bytes"


def test_objects_are_still_found_after_the_person_packs_everything(
    project: Path, git: PersonsGit, repository: Open
) -> None:
    ours = repository(project)
    commit = ours.head()
    oid = ours.base(commit).by_path["run.sh"].oid
    ours.git.read(oid)
    git(project, "gc", "-q", "--prune=now")
    assert ours.git.read(oid).startswith(b"echo")
    assert ours.base(commit).commit == commit


def test_refs_are_read_written_and_deleted_right_after_pack_refs(
    project: Path, git: PersonsGit, repository: Open
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


def test_refs_change_all_together_or_not_at_all(project: Path, repository: Open) -> None:
    ours = repository(project)
    commit = ours.head()
    ours.git.set_refs({"refs/referee/a": commit})
    with pytest.raises(RepositoryError):
        ours.git.set_refs({"refs/referee/b": commit, "refs/referee/a/below": commit})
    assert ours.git.refs("refs/referee") == {"refs/referee/a": commit}


def test_a_symbolic_ref_in_our_place_does_not_move_the_persons_branch(
    project: Path, git: PersonsGit, repository: Open
) -> None:
    ours = repository(project)
    main = ours.head()
    other = ours.git.write_commit(ours.base(main).tree, main, "x\n", 1)
    git(project, "symbolic-ref", "refs/heads/referee/a", "refs/heads/main")
    ours.git.set_refs({"refs/heads/referee/a": other})
    assert git(project, "rev-parse", "main", "referee/a").split() == [main, other]


def test_ref_names_with_line_separators_and_foreign_bytes_are_listed_and_deleted(
    project: Path, repository: Open
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


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_both_object_formats_give_the_ids_of_git(tmp_path: Path, git: PersonsGit, repository: Open, form: str) -> None:
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
    project: Path, tmp_path: Path, git: PersonsGit, repository: Open
) -> None:
    git(project, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "run.sh").write_text("echo loss: 9\n", encoding="utf-8")
    git(tmp_path / "side", "commit", "-qam", "side")
    here, there = repository(project), repository(tmp_path / "side")
    assert there.head() == git(project, "rev-parse", "side") != here.head()
    assert here.checkout.common_dir == there.checkout.common_dir
    assert here.git.read(there.git.write_blob(b"shared")) == b"shared"


def test_a_shallow_clone_can_be_a_base_and_its_missing_parents_do_not_matter(
    project: Path, tmp_path: Path, git: PersonsGit, repository: Open
) -> None:
    git(project, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{project}", "clone")
    ours = repository(tmp_path / "clone")
    base = ours.base(ours.head())
    tree = ours.with_target(base, "run.sh", ours.git.write_blob(b"echo loss: 1\n"))
    commit = ours.git.write_commit(tree, base.commit, "x\n", 1)
    ours.git.set_refs({"refs/heads/referee/a": commit})
    git(tmp_path / "clone", "merge", "-q", "--ff-only", "referee/a")


@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_objects_behind_alternates_are_found(
    project: Path,
    tmp_path: Path,
    git: PersonsGit,
    repository: Open,
    relative: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    git(tmp_path, "clone", "-q", "--shared", str(project), "clone")
    clone = tmp_path / "clone"
    if relative:
        (clone / ".git/objects/info/alternates").write_text("../../../project/.git/objects\n", encoding="ascii")
    ours = repository(clone)
    assert "run.sh" in ours.base(ours.head()).by_path


def test_a_partial_clone_fetches_nothing_and_names_the_missing_object(
    project: Path, tmp_path: Path, git: PersonsGit, repository: Open
) -> None:
    git(project, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{project}", "clone")
    ours = repository(tmp_path / "clone")
    entry = ours.base(ours.head()).by_path["run.sh"]
    with pytest.raises(RepositoryError, match="missing"):
        ours.git.read(entry.oid)


def test_a_reftable_repository_is_refused_by_name(project: Path, git: PersonsGit, repository: Open) -> None:
    git(project, "config", "core.repositoryFormatVersion", "1")
    git(project, "config", "extensions.refStorage", "reftable")
    with pytest.raises(RepositoryError, match=r"reftable.*git refs migrate"):
        repository(project)


def test_a_replace_ref_forges_nothing(project: Path, git: PersonsGit, repository: Open) -> None:
    true = git(project, "rev-parse", "HEAD:run.sh")
    (project / "fake").write_text("echo loss: 0\n", encoding="utf-8")
    git(project, "replace", true, git(project, "hash-object", "-w", "fake"))
    assert git(project, "show", "HEAD:run.sh") == "echo loss: 0"
    ours = repository(project)
    assert ours.git.read(ours.base(ours.head()).by_path["run.sh"].oid).startswith(b"echo loss: 3")


def test_a_forged_commit_graph_does_not_move_the_base(project: Path, git: PersonsGit, repository: Open) -> None:
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


def test_an_owned_directory_that_leads_elsewhere_is_put_right(
    project: Path, make_project: Callable[..., Path], repository: Open
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
        start.wait(10)
        try:
            Git(project.parent / "owned", project / ".git")
        except (OSError, RepositoryError) as fault:
            faults.append(fault)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []


def test_the_state_of_a_repository_is_closed_to_other_users(project: Path, repository: Open) -> None:
    ours = repository(project)
    assert stat.S_IMODE(ours.git.dir.parent.stat().st_mode) & 0o077 == 0
