"""What must be on the disk before something else is, so that a cut of the power takes neither alone."""

import os
from pathlib import Path
from typing import Any

import pytest
from referee.session.inbox import drop


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files and folders that this process syncs, in order."""
    paths: list[str] = []

    def noted(name: str) -> None:
        sync = getattr(os, name)

        def noting(descriptor: int) -> None:
            paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
            sync(descriptor)

        monkeypatch.setattr(os, name, noting)

    noted("fsync")
    noted("fdatasync")
    return paths


def test_what_leads_to_a_journal_is_on_the_disk_before_its_first_record(
    opened: Any, project: Path, synced: list[str]
) -> None:
    """Else the session would be there, and no server would find it."""
    with opened(project) as session:
        journal = str(session.journal.path)
    pointers = project / ".git" / "referee-sessions"
    before = synced[: synced.index(journal)]
    assert str(pointers) in before
    assert any(path.startswith(f"{pointers}/.mar8.") for path in before)


def test_a_message_of_a_person_is_on_the_disk_before_they_are_told_that_it_was_left(
    tmp_path: Path, synced: list[str]
) -> None:
    drop(tmp_path / "inbox", "extend", {"experiments": 1})
    assert synced[-1] == str(tmp_path / "inbox")
