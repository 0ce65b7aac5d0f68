"""Data and artifacts are read by a frozen file or not named at all, and what is private lies where no trial sees it."""

from typing import Any

import pytest

from tests.conftest import MakeProject
from tests.session.conftest import Opened
from tests.session.refusing import refusal

_DATA = (
    "---\ntarget: {path: steps.txt, kind: data}\nevaluate: {command: %s, timeout: 20s}\n"
    "metrics: {score: maximize}\n---\n"
)
_SCORED = (
    "---\ntarget: train.py\nevaluate: {command: python3 train.py, score: %s, artifacts: [out/], timeout: 20s}\n"
    "metrics: {score: maximize}\n%s---\n"
)
_READS = {"judge.py": "", "parts/__init__.py": "", "parts/judge.py": "", "judge.sh": "", "run.sh": ""}


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize(
    "command",
    [
        "sh steps.txt",
        "sh ./steps.txt",
        "sh parts/../steps.txt",
        "timeout 5 sh steps.txt",
        "python3 -W ignore steps.txt",
        "[sh, -c, '. ./steps.txt']",
        "[sh, -c, 'cd parts; . ../steps.txt']",
        "make -s -f steps.txt",
        "awk -fsteps.txt",
        "env sh {target}",
        "python3 -m doctest steps.txt",
        "[sh, -c, 'sh \"$1\"', judge.sh, steps.txt]",
        "sh linked judge.sh",
    ],
)
def test_data_that_the_command_could_execute_is_refused(
    opened: Opened, make_project: MakeProject, git: Any, command: str
) -> None:
    command = command if command.startswith("[") else f"'{command}'"
    project = make_project(_READS | {"program.md": _DATA % command, "steps.txt": "echo score: 1\n"})
    (project / "linked").symlink_to("steps.txt")
    git(project, "add", "--all")
    git(project, "commit", "-qm", "link")
    assert "before any frozen file that would read it" in refusal(opened, project)


@pytest.mark.parametrize(
    "command",
    [
        "python3 judge.py steps.txt",
        "python3 -B judge.py {target}",
        "timeout 5 python3 judge.py",
        "python3 -m judge steps.txt",
        "python3 -m parts.judge --answer=steps.txt",
        "./judge.sh steps.txt",
    ],
)
def test_data_that_a_frozen_file_reads_is_taken(
    opened: Opened, make_project: MakeProject, git: Any, command: str
) -> None:
    project = make_project(_READS | {"program.md": _DATA % f"'{command}'", "steps.txt": "echo score: 1\n"})
    (project / "judge.sh").chmod(0o755)
    git(project, "commit", "-qam", "executable")
    with opened(project) as session:
        assert session.state.opened.integrity == "sealed"


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize(
    "score", ["sh out/answer.txt", "python3 ./out/answer.txt", "python3 -m pytest -q out", "awk -fout/x", "sh train.py"]
)
def test_a_score_command_that_could_execute_an_artifact_is_refused(
    opened: Opened, make_project: MakeProject, score: str
) -> None:
    project = make_project(_READS | {"program.md": _SCORED % (score, ""), "train.py": ""})
    assert "names what the first phase leaves" in refusal(opened, project)


def test_a_hidden_score_that_could_execute_an_artifact_is_refused(opened: Opened, make_project: MakeProject) -> None:
    hidden = "holdout: {command: sh out/answer.txt, private: [test/]}\n"
    program = _SCORED % ("python3 judge.py out/answer.txt", hidden)
    project = make_project(_READS | {"program.md": program, "train.py": "", "test/truth.txt": "1"})
    assert refusal(opened, project).startswith("holdout.command: 'out/answer.txt' names")


def test_a_frozen_file_that_judges_artifacts_is_taken(opened: Opened, make_project: MakeProject) -> None:
    project = make_project(_READS | {"program.md": _SCORED % ("python3 judge.py out/answer.txt", ""), "train.py": ""})
    with opened(project) as session:
        assert session.state.opened.integrity == "sealed"


@pytest.mark.parametrize(
    "name",
    [
        "pytest.ini", "mypy.ini", "setup.cfg", "tox.ini", "package.json", "composer.json", "tsconfig.json", "pom.xml",
        "build.xml", "docker-compose.yml", "pyproject.toml", "Cargo.toml", "conftest.txt", "Makefile.txt",
        "requirements.txt", ".pylintrc", ".github/steps.yml", "steps", "Makefile", "steps.py", "steps.pyz", "steps.npy",
        "steps.awk",
    ],
)  # fmt: skip
def test_a_name_that_is_not_known_to_be_data_is_refused(opened: Opened, make_project: MakeProject, name: str) -> None:
    program = (_DATA % "python3 judge.py").replace("steps.txt", name)
    project = make_project(_READS | {"program.md": program, name: "x\n"})
    assert "key 'target.kind': " in refusal(opened, project)


def test_a_refused_name_is_told_which_are_known(opened: Opened, make_project: MakeProject) -> None:
    program = (_DATA % "python3 judge.py").replace("steps.txt", "steps.xyz")
    project = make_project(_READS | {"program.md": program, "steps.xyz": "x\n"})
    assert "Data ends in one of .cfg .conf .csv " in refusal(opened, project)


@pytest.mark.promise("confined trial")
@pytest.mark.parametrize(
    "front",
    [
        "sandbox: {private: [/usr/share]}\n",
        "sandbox: {private: [/etc/hostname]}\n",
        "sandbox: {private: [/bin]}\n",
        "holdout: {command: python3 judge.py, private: [/usr/share]}\n",
    ],
)
def test_private_files_in_a_folder_that_every_trial_sees_are_refused(
    opened: Opened, make_project: MakeProject, front: str
) -> None:
    project = make_project(_READS | {"program.md": _SCORED % ("python3 judge.py", front), "train.py": ""})
    said = refusal(opened, project)
    assert "which every trial sees, the target's code included. Move it to another folder" in said
