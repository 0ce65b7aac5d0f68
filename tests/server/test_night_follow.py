"""Following a journal beside its server: whole lines alone, each checked, and no lock."""

from pathlib import Path

import pytest
from referee.server.overnight.follow import Follower
from referee.session.errors import JournalError
from referee.session.fold import fold
from referee.session.journal import load

from tests.finished import Finished


def test_what_is_followed_line_by_line_is_what_a_server_would_fold(done: Finished, tmp_path: Path) -> None:
    lines = done.journal.read_bytes().splitlines(keepends=True)
    path = tmp_path / "journal.jsonl"
    follower = Follower(path)
    assert follower.news() == []
    for line in lines:
        with path.open("ab") as file:
            file.write(line[:-9])
        assert follower.news() == []
        with path.open("ab") as file:
            file.write(line[-9:])
        assert len(follower.news()) == 1
    assert follower.state == fold(load(done.journal).records)
    assert follower.news() == []


@pytest.mark.parametrize(("old", "new"), [(b'"lower"', b'"LOWER"'), (b'"kind":"row"', b'"kind":"own"')])
def test_a_line_that_was_changed_is_a_fault(done: Finished, old: bytes, new: bytes) -> None:
    done.journal.write_bytes(done.journal.read_bytes().replace(old, new, 1))
    with pytest.raises(JournalError, match="was changed after it was written"):
        Follower(done.journal).news()


def test_a_line_that_was_taken_back_is_read_again_from_the_start(done: Finished) -> None:
    """As by a server whose disk was full: it cuts off the line that it had written."""
    whole = done.journal.read_bytes()
    follower = Follower(done.journal)
    follower.news()
    last = whole.rstrip(b"\n").rpartition(b"\n")[0] + b"\n"
    done.journal.write_bytes(last)
    assert follower.news() == []
    done.journal.write_bytes(whole)
    follower.news()
    assert follower.state == fold(load(done.journal).records)


def test_following_leaves_the_session_free_and_untouched(done: Finished) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.home.rglob("*")}
    follower = Follower(done.journal)
    follower.news()
    assert {path: path.stat().st_mtime_ns for path in done.home.rglob("*")} == before
