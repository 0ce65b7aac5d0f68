"""A git that was killed while it moved a ref leaves its lock; that stops no session, and no living git is disturbed."""

import threading
from pathlib import Path
from typing import Any

import pytest
from referee.session import ref_locks
from referee.session.errors import RepositoryError

from tests.finished import Finished, found
from tests.projects import git
from tests.session.conftest import OpenRepository

REF = "refs/referee/mar8/draft"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ref_locks, "_SECONDS", 0.5)


@pytest.mark.anyio
@pytest.mark.promise("nothing lost")
@pytest.mark.parametrize("ref", [REF, "refs/referee/mar8/best", "refs/heads/referee/mar8"])
async def test_a_session_goes_on_although_a_killed_git_left_the_lock_of_a_ref(
    connect: Any, done: Finished, ref: str
) -> None:
    lock = done.repo / ".git" / f"{ref}.lock"
    lock.write_text(f"{git(done.repo, 'rev-parse', 'main')}\n", encoding="ascii")
    async with connect(done.repo, "mar8") as agent:
        answer = await agent("run_trial", description="after the power came back", content="echo loss: 0.01\n")
    assert answer["decision"] == "keep"
    assert not lock.exists()
    assert found(done.verified()) == {}


def test_a_lock_that_its_git_gives_back_is_waited_for(
    project: Path, repository: OpenRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ref_locks, "_SECONDS", 60.0)
    ours = repository(project)
    lock = project / ".git" / f"{REF}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    gone: list[bool] = []

    def give_back() -> None:
        gone.append(lock.exists())
        lock.unlink()

    living = threading.Timer(0.2, give_back)
    living.start()
    ours.git.set_refs({REF: ours.head()})
    living.join()
    assert gone == [True]
    assert git(project, "rev-parse", REF) == ours.head()


def test_a_lock_that_is_made_again_and_again_belongs_to_a_living_git(project: Path, repository: OpenRepository) -> None:
    ours, over = repository(project), threading.Event()
    lock = project / ".git" / f"{REF}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()

    def work() -> None:
        for number in range(10**9):
            spare = lock.with_name("spare")
            spare.write_text(str(number), encoding="ascii")
            spare.replace(lock)
            if over.is_set():
                return

    living = threading.Thread(target=work)
    living.start()
    try:
        with pytest.raises(RepositoryError, match="File exists"):
            ours.git.set_refs({REF: ours.head()})
        assert lock.exists()
    finally:
        over.set()
        living.join()


def test_the_lock_of_a_ref_that_is_not_the_sessions_is_left_alone(project: Path, repository: OpenRepository) -> None:
    ours = repository(project)
    ours.git.set_refs({"refs/referee/mar8/gone": ours.head()})
    lock = project / ".git" / "packed-refs.lock"
    lock.touch()
    with pytest.raises(RepositoryError, match="packed-refs"):
        ours.git.set_refs({"refs/referee/mar8/gone": None})
    assert lock.exists()
