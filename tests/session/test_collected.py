"""What the person's git collects before a ref holds it is written again, and breaks no session."""

from pathlib import Path
from typing import Any

from referee.session.session import Change
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
