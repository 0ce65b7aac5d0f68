"""What the person's git collects before a ref holds it is written again, and breaks no session."""

from pathlib import Path
from typing import Any

import pytest
from referee.session.errors import RepositoryError
from referee.session.session import Change
from referee.session.stored import Stored
from referee.session.trials import begin, interrupt

from tests.finished import Finished, found
from tests.projects import git, loose

from .conftest import OpenRepository


def test_a_blob_that_was_collected_right_after_it_was_written_is_there_again(
    project: Path, repository: OpenRepository
) -> None:
    ours = repository(project).git
    oid = ours.write_blob(b"echo loss: 1\n")
    loose(project, oid).unlink()
    assert ours.read(oid) == b"echo loss: 1\n"
    assert loose(project, oid).exists()


def test_a_trial_whose_tree_was_collected_can_still_be_closed(opened: Any, done: Finished) -> None:
    """Otherwise no later start could close it either."""
    with opened(done.repo) as session:
        session.edit(Change(content="echo loss: 1\n"))
        number = begin(session, "an idea").number
        loose(done.repo, session.state.trials[number].tree).unlink()
        interrupt(session, number, "interrupted: a test")
    assert git(done.repo, "show", f"{done.commit(number)}:run.sh") == "echo loss: 1"
    assert found(done.verified()) == {}


def test_a_ref_holds_what_was_collected_after_it_was_written(project: Path, repository: OpenRepository) -> None:
    ours = repository(project)
    tree = ours.with_target(ours.base(ours.head()), "run.sh", ours.git.write_blob(b"echo loss: 1\n"))
    commit = ours.git.write_commit(tree, ours.head(), "an idea", 1)
    for oid in (tree, commit):
        loose(project, oid).unlink()
    ours.git.set_refs({"refs/referee/a": tree, "refs/referee/b": commit})
    assert git(project, "show", "refs/referee/b:run.sh") == "echo loss: 1"


def test_what_needs_an_object_that_is_written_again_behind_it_is_written_as_well() -> None:
    """A commit, and its tree that was written once more after it."""
    there: set[str] = set()

    def run(arguments: tuple[str, ...], data: bytes, _: object) -> str:
        if arguments[0] == "commit-tree" and "tree" not in there:
            raise RepositoryError("tree is not a valid object")
        there.add(data.decode())
        return data.decode()

    stored = Stored(run)
    for command in ("mktree", "commit-tree", "mktree"):
        stored.write(command, data={"mktree": b"tree", "commit-tree": b"commit"}[command])
    there.clear()
    stored.all_again()
    assert there == {"tree", "commit"}


def test_what_was_never_written_holds_no_ref(project: Path, repository: OpenRepository) -> None:
    ours = repository(project).git
    with pytest.raises(RepositoryError, match="nonexistent object"):
        ours.set_refs({"refs/referee/a": "1" * 40})
    assert ours.refs("refs/referee") == {}


def test_of_what_was_written_only_the_last_is_remembered() -> None:
    """Targets may be large, and a session long."""
    written: list[bytes] = []

    def run(_: tuple[str, ...], data: bytes, __: object) -> str:
        written.append(data)
        return data.decode()

    stored = Stored(run)
    for number in range(200):
        stored.write("mktree", data=f"tree {number}".encode())
    assert not stored.again("tree 0")
    assert stored.again("tree 199")
    del written[:]
    stored.all_again()
    assert written == [b"tree %d" % number for number in range(136, 200)]


def test_few_are_remembered_where_they_are_large() -> None:
    written: list[bytes] = []

    def run(_: tuple[str, ...], data: bytes, __: object) -> str:
        written.append(data)
        return data[:9].decode()

    stored = Stored(run)
    for number in range(100):
        stored.write("mktree", data=b"%09d" % number + bytes(4_000_000))
    del written[:]
    stored.all_again()
    assert [data[:9] for data in written] == [b"%09d" % number for number in range(92, 100)]
