"""A target and an evaluator that are not as committed are refused; other dirty files are only warned of."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session.journal import load

from tests.projects import program
from tests.session.mischief import to_folder, to_hard_link, to_link, to_nothing, to_pipe
from tests.session.refusing import refusal

PersonsGit = Callable[..., str]


Make = Callable[..., Path]


def test_a_dirty_target_is_refused_by_name(opened: Any, project: Path) -> None:
    (project / "run.sh").write_text("echo loss: 0\n", encoding="utf-8")
    assert "not as committed: run.sh was changed" in refusal(opened, project)


@pytest.mark.parametrize("command", ["sh judge.sh", "./judge.sh", "sh ./judge.sh", "sh sub/../judge.sh"])
def test_a_dirty_evaluator_named_by_the_command_is_refused(opened: Any, make_project: Make, command: str) -> None:
    project = make_project({"program.md": program(command=command), "judge.sh": "#!/bin/sh\nsh run.sh\n", "sub/x": ""})
    (project / "judge.sh").write_text("#!/bin/sh\necho loss: 0\n", encoding="utf-8")
    (project / "judge.sh").chmod(0o755)
    assert "judge.sh was changed" in refusal(opened, project)


def test_a_deleted_evaluator_is_refused(opened: Any, make_project: Make) -> None:
    project = make_project({"program.md": program(command="sh judge.sh"), "judge.sh": "sh run.sh\n"})
    (project / "judge.sh").unlink()
    assert "judge.sh was deleted" in refusal(opened, project)


@pytest.mark.parametrize("act", [to_link, to_hard_link, to_pipe, to_folder, to_nothing], ids=lambda act: act.__name__)
def test_another_dirty_file_is_only_warned_of(opened: Any, make_project: Make, act: Callable[[Path], None]) -> None:
    project = make_project({"notes/data.txt": "1\n"})
    act(project / "notes/data.txt")
    if act is to_hard_link:
        (project / "notes/data.txt").write_text("2\n", encoding="utf-8")
    with opened(project) as session:
        warnings = load(session.journal.path).records[0].data["warnings"]
    assert any("notes/data.txt" in said and "measured as committed" in said for said in warnings)


def test_an_endless_file_in_place_of_a_tracked_one_is_not_read_to_its_end(opened: Any, make_project: Make) -> None:
    project = make_project({"data.txt": "1\n"})
    os.truncate(project / "data.txt", 1 << 42)
    with opened(project) as session:
        assert "data.txt was changed" in load(session.journal.path).records[0].data["warnings"][0]


def test_a_folder_that_leads_in_circles_is_only_warned_of(opened: Any, make_project: Make) -> None:
    project = make_project({"notes/data.txt": "1\n"})
    shutil.rmtree(project / "notes")
    (project / "notes").symlink_to("notes")
    with opened(project) as session:
        assert "notes/data.txt" in load(session.journal.path).records[0].data["warnings"][0]
        assert session.ground.watch.interference() == []


def test_a_folder_that_became_a_link_to_equal_files_is_warned_of(opened: Any, make_project: Make) -> None:
    """Files are compared through no link, wherever in the path it stands."""
    project = make_project({"notes/data.txt": "1\n"})
    shutil.move(project / "notes", project.parent / "elsewhere")
    (project / "notes").symlink_to(project.parent / "elsewhere")
    with opened(project) as session:
        assert "notes/data.txt" in load(session.journal.path).records[0].data["warnings"][0]


def test_line_endings_normalised_by_git_count_as_clean(opened: Any, make_project: Make, git: PersonsGit) -> None:
    project = make_project({"judge.sh": "sh run.sh\n", "program.md": program(command="sh judge.sh")})
    git(project, "config", "core.autocrlf", "true")
    for name in ("run.sh", "judge.sh"):
        (project / name).unlink()
    git(project, "checkout", "-q", "--", ".")
    assert b"\r\n" in (project / "run.sh").read_bytes()
    with opened(project) as session:
        assert load(session.journal.path).records[0].data["warnings"] == []
        assert session.text(session.state.draft) == (project / "run.sh").read_text(encoding="utf-8")


def test_a_program_in_the_checkout_may_change_there_without_stopping_the_session(
    opened: Any, make_project: Make, git: PersonsGit
) -> None:
    """What runs is the frozen one; a later difference of the checkout is interference and stops nothing."""
    project = make_project({"program.md": program(command="./judge.sh"), "judge.sh": "#!/bin/sh\nsh run.sh\n"})
    (project / "judge.sh").chmod(0o755)
    git(project, "commit", "-qam", "executable")
    with opened(project) as session:
        (project / "judge.sh").write_text("#!/bin/sh\necho loss: 0\n", encoding="utf-8")
        assert session.ground.pins.moved() == []
        assert "judge.sh in the checkout was changed" in session.ground.watch.interference()[0]
