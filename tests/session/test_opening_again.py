"""Two that open at once, openings that break off, bases that were collected: the next opening puts it right."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox.errors import RefereeError, SandboxUnavailableError
from referee.session import opening, refs
from referee.session.contract import Contract
from referee.session.errors import JournalError, RepositoryError
from referee.session.frozen import Frozen
from referee.session.holder import Holder
from referee.session.journal import load
from referee.session.opening import open_session
from referee.session.places import find_checkout
from referee.session.project import Project

from tests.projects import program as text

PersonsGit = Callable[..., str]


Make = Callable[..., Path]


def test_a_second_process_is_told_who_holds_the_session(opened: Any, project: Path) -> None:
    with opened(project), pytest.raises(JournalError, match=f"held by pid {os.getpid()}"), opened(project):
        pass


def test_two_servers_that_open_the_same_new_tag_share_one_opening_record(
    opened: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second found no session, and gets the lock after the first has opened, worked and left."""
    first_done = False
    take = Holder.take

    def late(self: Holder) -> None:
        nonlocal first_done
        if not first_done:
            first_done = True
            with opened(project) as first:
                first.record("call", {"tool": "of the first"})
        take(self)

    monkeypatch.setattr(Holder, "take", late)
    with pytest.raises(RepositoryError, match="opened by another process just now"), opened(project):
        pass
    with opened(project) as second:
        kinds = [record.kind for record in load(second.journal.path).records]
    assert kinds.count("opened") == 1
    assert kinds.count("resumed") == 1


@pytest.mark.parametrize(
    "step",
    ["Journal", "results.exclude", "Frozen.open", "Watch.start", "Refs.settle", "Session.publish", "Session.settle"],
)
def test_an_opening_that_breaks_off_at_any_step_is_finished_by_the_next(
    opened: Any, project: Path, git: PersonsGit, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        pass

    def broken(*_: Any, **__: Any) -> None:
        raise Killed

    owner, _, name = step.rpartition(".")
    owners: dict[str, Any] = {"": opening, "Frozen": Frozen}
    holder: Any = owners.get(owner) or getattr(opening, owner)
    with monkeypatch.context() as patch:
        patch.setattr(holder, name, broken)
        with pytest.raises(Killed), opened(project):
            pass
    with opened(project) as session:
        records = load(session.journal.path).records
        assert session.ground.snapshot.verify() == []
        assert [record.kind for record in records].count("opened") == 1
        assert [record.data for record in records if record.kind == "interference"] == []
        assert git(project, "rev-parse", "referee/mar8") == session.state.opened.base
        assert git(project, "status", "--porcelain") == ""
    with opened(project):
        pass


def _everything(project: Path, state: Path) -> dict[str, bytes]:
    """Every file below the project with its repository, and below the state; git's own index apart."""
    files = [path for top in (project, state) for path in top.rglob("*") if path.is_file() and path.name != "index"]
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize("new", [True, False], ids=["a new session", "one that goes on"])
def test_an_opening_that_is_not_admitted_leaves_everything_as_it_was(opened: Any, project: Path, new: bool) -> None:  # noqa: FBT001 - a parameter
    def refuse(_: Contract) -> None:
        raise SandboxUnavailableError("nothing confines trials here")

    state = find_checkout(project).state_home()
    if not new:
        with opened(project) as session:
            journal = session.journal.path
        with journal.open("ab") as file:
            file.write(b'{"seq":2,"ti')  # as a killed server may leave it
    found = Project(project)
    before = _everything(project, state)
    with pytest.raises(SandboxUnavailableError):
        open_session(found, "mar8", refuse)
    found.git.close()
    assert _everything(project, state) == before
    with opened(project) as session:
        assert session.state.opened.tag == "mar8"


def test_refs_that_are_moved_while_the_session_waits_to_be_admitted_are_put_back(
    opened: Any, project: Path, git: PersonsGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs, "_FRESH", 0.0)

    def meanwhile(_: Contract) -> None:
        git(project, "update-ref", "refs/referee/mar8/best", other)
        git(project, "update-ref", "-d", "refs/referee/mar8/draft")

    with opened(project) as session:
        base = session.state.opened.base
    other = git(project, "commit-tree", "-m", "by hand", f"{base}^{{tree}}").strip()
    found = Project(project)
    session = open_session(found, "mar8", meanwhile)
    said = [record.data["what"] for record in load(session.journal.path).records if record.kind == "interference"]
    session.close()
    found.git.close()
    assert git(project, "rev-parse", "refs/referee/mar8/best").strip() == base
    assert git(project, "rev-parse", "refs/referee/mar8/draft").strip() == session.state.draft
    assert sorted(" ".join(words.split()[:3]) for words in said) == [
        "refs/referee/mar8/best was moved",
        "refs/referee/mar8/draft was deleted",
    ]


@pytest.mark.parametrize("same", [True, False], ids=["of the same program", "of another"])
def test_a_tag_that_another_server_took_meanwhile_is_shared_or_left_to_it(
    opened: Any,
    project: Path,
    git: PersonsGit,
    same: bool,  # noqa: FBT001 - a parameter
) -> None:
    (project / "other").mkdir()
    for name in ("program.md", "run.sh"):
        (project / "other" / name).write_bytes((project / name).read_bytes())
    (project / "other" / "program.md").write_text(text(timeout="7s"), encoding="utf-8")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "another program")
    others: list[str] = []

    def meanwhile(_: Contract) -> None:
        if not others:
            with opened(project if same else project / "other", None) as other:
                others.append(other.state.opened.tag)

    found = Project(project)
    session = open_session(found, None, meanwhile)
    session.close()
    found.git.close()
    assert session.state.opened.tag == (others[0] if same else f"{others[0]}-2")


def test_a_journal_whose_first_line_was_torn_is_opened_anew(opened: Any, project: Path) -> None:
    home = find_checkout(project).state_home() / "mar8"
    home.mkdir(parents=True)
    (home / "journal.jsonl").write_bytes(b'{"seq":1,"ti')
    with opened(project):
        pass
    with opened(project) as again:
        assert [record.kind for record in load(again.journal.path).records][:2] == ["opened", "resumed"]


def test_a_resume_that_fails_lets_the_session_go(opened: Any, project: Path) -> None:
    with opened(project):
        pass
    lock = project / ".git/refs/referee/mar8/best.lock"
    (project / ".git/refs/referee/mar8/best").unlink()
    lock.mkdir()  # no git leaves such a one, so it stays
    faults: list[RefereeError] = []
    for _ in range(2):
        with pytest.raises(RepositoryError, match=r"best\.lock") as fault, opened(project):
            pass
        faults.append(fault.value)  # kept, with its frames, as a server's log might
    lock.rmdir()
    with opened(project) as session:
        assert session.state.opened.tag == "mar8"


def forget_main(project: Path, git: PersonsGit) -> None:
    """Leave the base commit to the garbage collection of the person's git."""
    git(project, "checkout", "-q", "--orphan", "fresh")
    git(project, "commit", "-qm", "fresh")
    git(project, "branch", "-D", "main")
    git(project, "reflog", "expire", "--expire=now", "--all")
    git(project, "gc", "-q", "--prune=now")


def test_a_base_commit_that_was_collected_is_named(opened: Any, project: Path, git: PersonsGit) -> None:
    with opened(project) as session:
        base = session.state.opened.base
    for ref in git(project, "for-each-ref", "--format=%(refname)", "refs/referee", "refs/heads/referee").split():
        git(project, "update-ref", "-d", ref)
    forget_main(project, git)
    with pytest.raises(RepositoryError, match=f"commit {base[:7]}.*missing"), opened(project):
        pass


def test_the_base_is_safe_from_the_persons_garbage_collection(opened: Any, project: Path, git: PersonsGit) -> None:
    with opened(project):
        pass
    forget_main(project, git)
    with opened(project) as session:
        assert session.text(session.state.draft).startswith("echo loss: 3")
