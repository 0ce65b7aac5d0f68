"""What the tests of sessions share: sessions opened in this process, without a server."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from referee.session.opening import open_session
from referee.session.project import Project
from referee.session.session import Session

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
