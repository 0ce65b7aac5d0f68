"""One whole session in a repository that is one trap: nothing planted runs, and what is measured is the true judge."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.session import journal

from tests.projects import JUDGED
from tests.session.traps import FORGED_JUDGE, TRUE_JUDGE, Traps, plant

pytestmark = pytest.mark.anyio


BETTER = "echo loss: 2\n"


Git = Callable[..., str]


@pytest.fixture
def hostile(
    make_project: Callable[..., Path], git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Traps]:
    project = make_project(
        {"program.md": JUDGED, "judge.sh": TRUE_JUDGE, ".gitattributes": "* filter=tree diff=tree\n"}
    )
    return project, plant(project, git, tmp_path, monkeypatch)


def test_the_traps_are_armed(hostile: tuple[Path, Traps]) -> None:
    """A person's own git springs them; without this the tests below could pass by a mistake in planting."""
    project, traps = hostile
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def run(*words: str) -> bytes:
        return subprocess.run(
            ["git", *words], cwd=project, env=env, capture_output=True, check=False, timeout=60
        ).stdout

    assert run("cat-file", "blob", "HEAD:judge.sh") == FORGED_JUDGE.encode()
    (project / "judge.sh").write_text("changed\n", encoding="utf-8")
    for words in (
        ["status"],
        ["diff", "HEAD"],
        ["add", "-A"],
        ["commit", "-qm", "x", "--allow-empty"],
        ["update-ref", "refs/a", "HEAD"],
    ):
        run(*words)
    sprung = " ".join(traps.sprung)
    for kind in ("hookspath-reference-transaction", "fsmonitor", "clean-info", "gpg", "diff", "trace2"):
        assert kind in sprung, sprung


async def whole_session(connect: Any, project: Path) -> dict[str, Any]:
    async with connect(project, "mar8") as agent:
        await agent("read_program")
        await agent("read_file", path="judge.sh")
        await agent("edit_target", content=BETTER)
        measured: dict[str, Any] = await agent("run_eval", description="better")
        log = await agent("read_log", trial=1)
        await agent("keep")
        await agent("append_result", description="better")
        await agent("run_trial", description="worse", content="echo loss: 9\n")
        await agent("edit_target", content="echo loss: 8\n")
        await agent("run_eval", description="reverted")
        await agent("revert")
        await agent("edit_target", from_checkout=True)
    async with connect(project, "mar8") as agent:
        await agent("run_trial", description="after a restart", content="echo loss: 1\n")
    return {"measured": measured, "log": log}


def git_as_it_is(project: Path, *words: str) -> str:
    """What the repository holds, read without anything that was planted."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        ["git", *words], cwd=project, env=env, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.strip()


@pytest.mark.promise("frozen judge")
@pytest.mark.promise("your work is yours")
async def test_a_whole_session_springs_no_trap_and_measures_with_the_true_judge(
    connect: Any, hostile: tuple[Path, Traps], home_of: Any
) -> None:
    project, traps = hostile
    answers = await whole_session(connect, project)
    assert traps.sprung == []
    assert answers["measured"]["metrics"] == {"loss": 2.0}
    assert "judged by the true one" in json.dumps(answers["log"])
    home = home_of(project)
    assert (home / "snapshot" / "judge.sh").read_text(encoding="utf-8") == TRUE_JUDGE
    metrics = [
        record.data["measurement"]["metrics"]["loss"]
        for record in journal.load(home / "journal.jsonl").records
        if record.kind == "trial_measured"
    ]
    assert metrics == [3.0, 2.0, 9.0, 8.0, 1.0]
    assert traps.sprung == []


async def test_what_a_session_leaves_in_such_a_repository_is_unfiltered_and_signed_by_nobody(
    connect: Any, hostile: tuple[Path, Traps], tmp_path: Path
) -> None:
    project, _ = hostile
    await whole_session(connect, project)
    place = project / ".git" / "refs" / "heads" / "referee" / "mar8"
    commit = place.read_text(encoding="ascii").strip()
    (project / ".git" / "config").write_text("[core]\n\trepositoryFormatVersion = 0\n", encoding="utf-8")
    assert git_as_it_is(project, "cat-file", "blob", f"{commit}:run.sh") == "echo loss: 1"
    raw = git_as_it_is(project, "cat-file", "commit", commit)
    assert "gpgsig" not in raw
    assert "author Referee <referee@localhost>" in raw
    assert "Mallory" not in raw
    assert list((tmp_path / "elsewhere" / "objects").rglob("??/*")) == []
    assert not (tmp_path / "index").exists()
    git_as_it_is(project, "fsck", "--strict")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
async def test_a_repository_of_another_owner_is_measured_without_an_exception_for_it(
    connect: Any, make_project: Callable[..., Path]
) -> None:
    project = make_project({"program.md": JUDGED, "judge.sh": TRUE_JUDGE})
    for place in (project, *project.rglob("*")):
        os.chown(place, 65534, 65534, follow_symlinks=False)
    refused = await anyio.run_process(["git", "status"], cwd=project, check=False)
    assert b"dubious ownership" in refused.stderr
    async with connect(project, "mar8") as agent:
        answer = await agent("run_trial", description="better", content=BETTER)
    assert answer["metrics"] == {"loss": 2.0}


async def test_a_served_session_ignores_the_variables_it_was_started_with(
    connect_stdio: Any, hostile: tuple[Path, Traps]
) -> None:
    """The same through the process that clients start, whose environment is theirs."""
    project, traps = hostile
    async with connect_stdio(project, "--tag", "mar9") as agent:
        await agent("run_trial", description="better", content=BETTER)
    assert traps.sprung == []
    assert (project / ".git/refs/heads/referee/mar9").exists()
