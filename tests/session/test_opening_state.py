"""The state lies outside the checkout, closed to others, and no planted pointer moves it."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox.errors import RefereeError
from referee.session.journal import Journal, load
from referee.session.places import find_checkout

from tests.session.refusing import refusal

PersonsGit = Callable[..., str]


Make = Callable[..., Path]


def test_the_state_is_closed_to_other_users_whatever_the_umask(opened: Any, project: Path, home_of: Any) -> None:
    before = os.umask(0)
    try:
        with opened(project):
            pass
    finally:
        os.umask(before)
    for place in (home_of(project), home_of(project).parent):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_state_folder_that_stood_open_is_closed(opened: Any, project: Path) -> None:
    home = find_checkout(project).state_home() / "mar8"
    home.mkdir(parents=True)
    home.chmod(0o777)
    with opened(project):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_state_folder_inside_the_checkout_is_refused(
    opened: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFEREE_STATE_DIR", str(project / "state"))
    assert "REFEREE_STATE_DIR" in refusal(opened, project)


def test_the_pointer_wins_over_another_environment(
    opened: Any, project: Path, home_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(project):
        home = home_of(project)
    monkeypatch.setenv("REFEREE_STATE_DIR", str(tmp_path / "other state"))
    with opened(project) as again:
        assert again.state_home == home


def plant(project: Path, text: str) -> Path:
    pointer = project / ".git" / "referee-sessions" / "mar8"
    pointer.parent.mkdir()
    pointer.write_text(text, encoding="utf-8")
    return pointer


@pytest.mark.parametrize("text", ["", "\n", "relative", ".", "..", "{project}", "{project}/x", "{project}/.git/x", "/"])
def test_a_planted_pointer_never_makes_the_state_lie_where_it_says(opened: Any, project: Path, text: str) -> None:
    """A repository can be unpacked with its .git folder; what stands in it is hostile."""
    plant(project, text.format(project=project))
    here = Path.cwd()
    os.chdir(project)
    try:
        said = refusal(opened, project)
    finally:
        os.chdir(here)
    assert "referee-sessions/mar8" in said


def test_a_pointer_to_a_state_that_was_deleted_is_opened_anew(
    opened: Any, project: Path, home_of: Any, git: PersonsGit
) -> None:
    with opened(project):
        home = home_of(project)
    shutil.rmtree(home)
    assert "its state does not" in refusal(opened, project)
    refs = git(project, "for-each-ref", "--format=delete %(refname)", "refs/referee", "refs/heads/referee")
    for line in refs.splitlines():
        git(project, "update-ref", "-d", line.removeprefix("delete "))
    with opened(project) as session:
        assert session.state_home == home


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling link"])
def test_a_pointer_that_is_no_plain_file_breaks_nothing_else(opened: Any, project: Path, kind: str) -> None:
    pointers = project / ".git" / "referee-sessions"
    pointers.mkdir()
    if kind == "folder":
        (pointers / "other").mkdir()
    elif kind == "pipe":
        os.mkfifo(pointers / "other")
    else:
        (pointers / "other").symlink_to("nowhere")
    with opened(project) as session:
        assert session.state.opened.tag == "mar8"


def test_a_folder_of_pointers_that_is_a_link_is_refused(opened: Any, project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / ".git" / "referee-sessions").symlink_to(tmp_path / "elsewhere")
    assert "referee-sessions" in refusal(opened, project)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_forged_session_with_another_contract_than_it_claims_is_refused(
    opened: Any, make_project: Make, home_of: Any, tmp_path: Path
) -> None:
    """The opening record's contract is what is run; its digest alone is what the program is compared with."""
    project = make_project()
    with opened(project):
        home = home_of(project)
    true = Journal(home / "journal.jsonl")
    forged = tmp_path / "forged" / "mar8"
    shutil.copytree(home, forged, symlinks=True)
    for name in ("journal.jsonl", "head"):
        (forged / name).unlink()
    data = dict(load(true.path).records[0].data)
    true.close()
    data["contract"] = {**data["contract"], "metrics": {"other": {"goal": "maximize"}}}
    journal = Journal(forged / "journal.jsonl")
    journal.append("opened", data, sync=True)
    journal.close()
    (project / ".git" / "referee-sessions" / "mar8").write_text(f"{forged}\n", encoding="utf-8")
    with pytest.raises(RefereeError, match="contract"), opened(project):
        pass
