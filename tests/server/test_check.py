"""`referee check`: what it says of a project and its session, and what it leaves."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.sandbox.errors import RefereeError
from referee.server.check_screen import duration, memory
from referee.server.commands.check import check, gather
from referee.session import baseline_cache
from referee.session.loop import Call, Loop
from referee.session.places import find_checkout

from tests.projects import GUARDED_PROGRAM, everything, program
from tests.sessions import referee

Git = Callable[..., str]


MakeProject = Callable[..., Path]


def run_baseline(folder: Path, tag: str) -> None:
    """Open a session and measure its baseline."""

    async def play() -> None:
        async with Loop(folder, tag) as loop:
            await loop.run(Call("run_eval"), "the baseline", 60)

    anyio.run(play)


@pytest.mark.promise("honest about itself")
def test_one_screen_tells_baseline_tag_protection_and_the_next_command(project: Path, git: Git) -> None:
    done = referee("check", "--repo", str(project), "--tag", "night")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        "run.sh",
        "->",
        "loss",
        "(minimize)",
        "tag",
        "night,",
        "base",
        git(project, "rev-parse", "HEAD")[:7],
    ]
    assert lines[1].startswith("baseline   3   ")
    assert "noise: not measured" in lines[1]
    assert any(line.startswith("integrity  self-reported: ") for line in lines)
    assert any(line.startswith("sandbox    ") and "network off" in line for line in lines)
    assert "tonight    about 100 trials in 8 h, evaluation alone" in lines
    assert f"next       claude mcp add referee -- referee serve --repo {project}" in lines
    assert len(lines) <= 24


def test_json_carries_the_same_facts(project: Path) -> None:
    done = referee("check", "--repo", str(project), "--json")
    facts = json.loads(done.stdout)
    assert facts["ok"] is True
    assert facts["baseline"]["metrics"] == {"loss": 3.0}
    assert facts["baseline"]["noise"] is None
    assert facts["sandbox"]["minimum"] == "limited"
    assert facts["session"] is None
    assert facts["tonight"] == {"trials": 100, "hours": 8.0}


def test_nothing_is_left_but_the_cache_of_the_baseline(project: Path) -> None:
    before = everything(project)
    assert check(project, None, as_json=True) == 0
    assert everything(project) == before
    left = {path.split("/")[0] for path in everything(find_checkout(project).state_home())}
    assert baseline_cache.FOLDER in left
    assert all(name.startswith(".") for name in left), "a session's folder, named by its tag, was made"


def test_a_session_can_still_take_the_tag_that_was_checked(project: Path) -> None:
    assert gather(project, "night")["tag"] == "night"
    run_baseline(project, "night")
    assert gather(project, "night")["session"]["rows"] == 1


def test_what_was_measured_is_in_the_cache_with_its_log(project: Path) -> None:
    gather(project, None)
    home = find_checkout(project).state_home()
    (entry,) = (home / baseline_cache.FOLDER).glob("*.json")
    found = baseline_cache.load(home, entry.stem)
    assert found is not None
    assert found.measurement["metrics"]["loss"] == 3.0
    assert found.log == b"loss: 3\n"


@pytest.mark.slow
def test_two_checks_of_the_same_ground_have_one_entry_and_another_commit_has_its_own(project: Path, git: Git) -> None:
    folder = find_checkout(project).state_home() / baseline_cache.FOLDER
    gather(project, None)
    gather(project, None)
    assert len(list(folder.glob("*.json"))) == 1
    (project / "run.sh").write_text("echo loss: 4\n", encoding="utf-8")
    git(project, "commit", "--quiet", "--all", "--message", "more")
    gather(project, None)
    assert len(list(folder.glob("*.json"))) == 2


def test_the_median_of_all_repeats_is_the_baseline(make_project: MakeProject) -> None:
    text = GUARDED_PROGRAM.replace("timeout: 20s", "timeout: 20s, repeats: 3")
    folder = make_project({"program.md": text, "run.sh": "echo loss: $REFEREE_SEED\necho size: 1\n"})
    assert gather(folder, None)["baseline"]["metrics"]["loss"] == 1.0


def test_an_existing_session_is_reported_and_not_disturbed(project: Path) -> None:
    run_baseline(project, "night")
    home = find_checkout(project).state_home() / "night"
    before = (home / "journal.jsonl").read_bytes()
    facts = gather(project, None)
    assert facts["tag"] == "night"
    assert facts["session"] | {"opened": "", "seconds_left": 0} == {
        "tag": "night",
        "opened": "",
        "base": facts["base"],
        "rows": 1,
        "best": 3.0,
        "experiments_left": 100,
        "seconds_left": 0,
        "continue": True,
        "reason": "",
        "note": "",
    }
    assert (home / "journal.jsonl").read_bytes() == before


def test_a_session_on_an_older_commit_is_told_apart_from_what_was_measured(project: Path, git: Git) -> None:
    run_baseline(project, "night")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "later")
    assert any("session night stands on" in said for said in gather(project, None)["warnings"])


def test_a_tag_of_another_contract_is_refused(project: Path) -> None:
    run_baseline(project, "night")
    text = (project / "program.md").read_text(encoding="utf-8").replace("20s", "21s")
    (project / "program.md").write_text(text, encoding="utf-8")
    with pytest.raises(RefereeError, match="another contract"):
        gather(project, "night")


@pytest.mark.slow
def test_what_a_killed_check_left_behind_is_no_part_of_the_next_one(project: Path) -> None:
    stale = find_checkout(project).state_home() / ".check" / "snapshot"
    stale.mkdir(parents=True)
    (stale / "planted.sh").write_text("echo loss: 0\n", encoding="utf-8")
    assert gather(project, None)["baseline"]["metrics"] == {"loss": 3.0}
    assert not stale.parent.exists()


@pytest.mark.slow
def test_a_variable_of_the_server_changes_the_key_of_the_cache(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_project({"program.md": program(more="sandbox: {env: [X]}"), "run.sh": "echo loss: $X\n"})
    for value in ("1", "2"):
        monkeypatch.setenv("X", value)
        assert gather(folder, None)["baseline"]["metrics"] == {"loss": float(value)}
    assert len(list((find_checkout(folder).state_home() / baseline_cache.FOLDER).glob("*.json"))) == 2


def test_an_input_is_listed_and_readable(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("loss: 7\n", encoding="utf-8")
    facts = gather(
        make_project({"program.md": program(more="sandbox: {inputs: [../data]}"), "run.sh": "cat ../data\n"}), None
    )
    assert facts["inputs"] == [str(tmp_path / "data")]
    assert facts["baseline"]["metrics"] == {"loss": 7.0}


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.314, "0.31s"), (42, "42.0s"), (312, "5m12s"), (7500, "2h05m"), (59.99, "60.0s")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(("size", "said"), [(512 * 1024, "0.5 MB"), (44 * 1024**3, "44.0 GB")])
def test_memory_is_said_in_the_unit_that_fits(size: int, said: str) -> None:
    assert memory(size) == said


def test_a_repository_below_another_working_directory_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    facts: dict[str, Any] = gather(Path(), None)
    assert facts["next"][0].endswith(os.fspath(project))
