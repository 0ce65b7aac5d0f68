"""`referee demo`: a whole session through the real server, and a folder that is safe to make again."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest
from referee.sandbox.errors import RefereeError
from referee.sandbox.launch import Launcher
from referee.server import demo_agent, demo_folder
from referee.server.commands.demo import demo
from referee.session import program
from referee.session.errors import RepositoryError

Git = Callable[..., str]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """One demo, played by the real command in an empty folder: where it lies and what it said."""
    folder = tmp_path_factory.mktemp("somewhere")
    home = tmp_path_factory.mktemp("home")
    hooks = home / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text(f"#!/bin/sh\ntouch {home}/sprung\nexit 1\n", encoding="utf-8")
    (hooks / "pre-commit").chmod(0o755)
    (home / ".gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n[commit]\n\tgpgSign = true\n", encoding="utf-8")
    env = dict(os.environ) | {
        "HOME": str(home),
        "GIT_DIR": str(home / "nowhere"),
        "REFEREE_STATE_DIR": str(home / "st"),
    }
    words = [sys.executable, "-m", "referee", "demo"]
    done = subprocess.run(
        words, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in home.iterdir()) == [".gitconfig", "hooks"], "the demo touched the home"
    assert sorted(path.name for path in folder.iterdir()) == [".demo", ".demo-state"]
    return folder / ".demo", done.stdout


def test_every_kind_of_end_is_shown(played: tuple[Path, str]) -> None:
    said = played[1]
    for word in ("improved", "worse", "refused: trial 2 may not be kept", "crash", "timeout", "simpler"):
        assert word in said


def test_the_branch_holds_the_kept_commits_alone(played: tuple[Path, str], git: Git) -> None:
    subjects = git(played[0], "log", "--format=%s", "referee/demo").splitlines()
    assert len(subjects) == 4
    assert subjects[-1] == "The demo as it ships"
    assert "pack the smallest parcels first" not in subjects


def test_every_trial_has_its_ref(played: tuple[Path, str], git: Git) -> None:
    refs = git(played[0], "for-each-ref", "--format=%(refname:lstrip=4)", "refs/referee/demo/trials").splitlines()
    assert refs == [str(number) for number in range(7)]


def test_every_decision_has_its_row(played: tuple[Path, str]) -> None:
    rows = (played[0] / "results.tsv").read_text(encoding="utf-8").splitlines()[1:]
    decisions = [row.split("\t")[-2] for row in rows]
    assert decisions == ["keep", "keep", "discard", "crash", "crash", "keep", "keep"]


def test_what_it_prints_as_the_way_to_adopt_works(played: tuple[Path, str], git: Git, tmp_path: Path) -> None:
    assert git(played[0], "status", "--porcelain") == ""
    adopt = next(line for line in played[1].splitlines() if line.startswith("adopt it"))
    assert adopt.split()[2:] == ["git", "-C", ".demo", "merge", "--ff-only", "referee/demo"]
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "--quiet", str(played[0]), str(copy))
    git(copy, "merge", "--quiet", "--ff-only", "origin/referee/demo")
    text = (copy / "pack.py").read_text(encoding="utf-8")
    assert "sorted(parcels, reverse=True)" in text


def test_the_state_of_the_demo_lies_beside_its_repository(
    played: tuple[Path, str],
) -> None:
    assert (demo_folder.state_of(played[0])).is_dir()


def test_making_it_again_starts_afresh_with_the_same_first_commit(tmp_path: Path, git: Git) -> None:
    folder = tmp_path / "demo"
    demo_folder.make(folder, confined=True, keep=False)
    first = git(folder, "rev-parse", "HEAD")
    (folder / "left").touch()
    demo_folder.make(folder, confined=True, keep=False)
    assert git(folder, "rev-parse", "HEAD") == first
    assert not (folder / "left").exists()


def test_an_earlier_demo_stays_where_it_is_to_be_kept(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo_folder.make(folder, confined=True, keep=True)
    (folder / "mine").touch()
    with pytest.raises(RepositoryError, match="holds an earlier demo"):
        demo(folder, keep=True)
    assert (folder / "mine").exists()


def test_a_folder_that_it_did_not_make_is_never_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "thesis.txt").touch()
    with pytest.raises(RepositoryError, match="not made by referee demo"):
        demo(folder, keep=False)
    assert (folder / "thesis.txt").exists()


def test_a_link_to_an_earlier_demo_is_not_followed(tmp_path: Path) -> None:
    demo_folder.make(tmp_path / "real", confined=True, keep=False)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(RepositoryError, match="not made by referee demo"):
        demo(tmp_path / "link", keep=False)
    assert (tmp_path / "real" / "pack.py").exists()


def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine", encoding="utf-8")
    with pytest.raises(RepositoryError, match="not made by referee demo"):
        demo(tmp_path / "demo", keep=False)
    assert (tmp_path / "demo").read_text(encoding="utf-8") == "mine"


def test_a_machine_that_confines_nothing_is_told_so_and_plays_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("referee.server.commands.demo.Launcher", partial(Launcher, "none"))
    monkeypatch.setattr("referee.server.demo_agent.script_of", _no_steps)
    assert demo(tmp_path / "demo", keep=False) == 0
    said = capsys.readouterr().out
    assert "can confine nothing, so the demo asks for nothing (minimum: none)" in said
    assert "vans 259" in said


def _no_steps(_folder: Path, _name: str) -> list[demo_agent.Step]:
    return []


@pytest.mark.parametrize("minimum", ["limited", "none"])
def test_confinement_is_waived_only_where_there_is_none(minimum: str, tmp_path: Path) -> None:
    demo_folder.make(tmp_path / "demo", confined=minimum != "none", keep=False)
    assert program.load(tmp_path / "demo" / "program.md").contract.sandbox.minimum == minimum


def test_a_machine_without_python3_on_the_path_gets_one_that_a_trial_can_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(_only_git(tmp_path)))
    demo_folder.make(tmp_path / "demo", confined=True, keep=False)
    command = program.load(tmp_path / "demo" / "program.md").contract.evaluate.command
    assert command is not None
    assert os.access(command[0], os.X_OK)
    assert command[1:] == ("evaluate.py",)


def _only_git(folder: Path) -> Path:
    """A folder of programs that has git and no Python."""
    git = shutil.which("git")
    assert git
    (folder / "bin").mkdir()
    (folder / "bin" / "git").symlink_to(git)
    return folder / "bin"


def test_a_call_that_fails_ends_the_demo_with_what_the_server_said(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo_folder.make(folder, confined=True, keep=False)
    step = {"description": "nothing", "edits": [{"old_text": "not there", "new_text": ""}]}
    with pytest.raises(RefereeError, match="the demo could not go on: edit_target: old_text of edit 1"):
        anyio.run(demo_agent.play, folder, demo_folder.state_of(folder), "demo", [step], print)
