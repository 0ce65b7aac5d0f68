"""What the tests of sessions share: sessions opened in this process, without a server."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from referee.session.opening import open_session
from referee.session.places import find_checkout
from referee.session.project import Project
from referee.session.repository import Repository
from referee.session.session import Session
from referee.session.snapshot import Snapshot

from tests.conftest import MakeProject
from tests.projects import JUDGED

JUDGED_FILES = {
    "judge.sh": "sh run.sh\n",
    "docs/notes.md": "notes\n",
    "run.sh": "echo loss: 3\n",
    "program.md": JUDGED,
}
OpenRepository = Callable[[Path], Repository]
FROZEN_FILES = {"judge/score.py": "print('loss: 3')\n", "judge/deep/data.csv": "1,2\n", "tool.sh": "#!/bin/sh\n"}
Freeze = Callable[[], Snapshot]
Opened = Callable[..., AbstractContextManager[Session]]


@pytest.fixture
def opened() -> Opened:
    """Open a session in this process, without a server."""

    @contextmanager
    def open_now(folder: Path, tag: str | None = "mar8") -> Generator[Session, None, None]:
        project = Project(folder)
        try:
            session = open_session(project, tag)
            try:
                yield session
            finally:
                session.close()
        finally:
            project.git.close()

    return open_now


@pytest.fixture
def judged(make_project: MakeProject) -> Path:
    """A project whose evaluator is a file of its own."""
    return make_project(JUDGED_FILES)


@pytest.fixture
def repository() -> Iterator[OpenRepository]:
    """Open repositories as a session does; they are closed at the end of the test."""
    made: list[Repository] = []

    def open_repository(folder: Path) -> Repository:
        made.append(Repository(find_checkout(folder)))
        return made[-1]

    yield open_repository
    for one in made:
        one.git.close()


@pytest.fixture
def frozen(make_project: MakeProject, git: Callable[..., str], tmp_path: Path, repository: OpenRepository) -> Freeze:
    """A project with links, folders and an executable; each call is a new look at the same snapshot folder."""
    project = make_project(FROZEN_FILES)
    (project / "tool.sh").chmod(0o755)
    (project / "inner").symlink_to("judge")
    (project / "outer").symlink_to("/etc/passwd")
    git(project, "add", "--all")
    git(project, "commit", "-qm", "links")
    ours = repository(project)

    def make() -> Snapshot:
        left_out = frozenset({"run.sh", "program.md"})
        return Snapshot(tmp_path / "snapshot", ours.git, ours.base(ours.head()), left_out, tmp_path / "lfs")

    return make
