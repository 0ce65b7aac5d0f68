"""`referee check --attack`: every planted weakness is found, and on a sound evaluator nothing pays."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from referee.server.attack_screen import render_attack
from referee.session.baseline_cache import FOLDER

from tests.projects import git
from tests.weak import projects

Attacked = Callable[[str], dict[str, Any]]


def _referee(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    env = os.environ | {"HOME": str(home), "REFEREE_STATE_DIR": str(home / "state")}
    command = [sys.executable, "-m", "referee", *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, cwd="/", env=env)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    """Attack a project of `weak.projects`, once for all tests; the facts of `--json` and more."""

    @cache
    def run(name: str) -> dict[str, Any]:
        home = tmp_path_factory.mktemp("attacked")
        folder = home / "project"
        for path, text in getattr(projects, name).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        git(folder, "init", "--quiet")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "The project")
        before = sorted(path for path in folder.rglob("*") if ".git" not in path.parts)
        done = _referee(home, "check", "--repo", str(folder), "--attack", "--json")
        assert not done.stderr, done.stderr
        left = sorted(path for path in folder.rglob("*") if ".git" not in path.parts)
        facts: dict[str, Any] = json.loads(done.stdout)["attack"]
        return facts | {"returned": done.returncode, "untouched": left == before, "at": home}

    return run


def status(facts: dict[str, Any], name: str) -> str:
    (found,) = (one["status"] for one in facts["cheats"] if one["name"] == name)
    return str(found)


def remedy(facts: dict[str, Any], name: str) -> str:
    (found,) = (one["do"] for one in facts["remedies"] if name in one["for"])
    return str(found)


PLANTED = {
    ("SELF_REPORTED", "metric printed, then exit"): "add evaluate.score",
    ("SELF_REPORTED", "result files, then exit"): "add evaluate.score",
    ("SHELL", "metric printed, then exit"): "add evaluate.score",
    ("SHELL", "result files, then exit"): "add evaluate.score",
    ("IN_PROCESS", "metric printed, then exit"): "add evaluate.score",
    ("IN_PROCESS", "printing replaced"): "add evaluate.score",
    ("IN_PROCESS", "comparisons patched"): "add evaluate.score",
    ("IN_PROCESS", "answer equal to everything"): "add evaluate.score",
    ("IN_PROCESS", "evaluator's functions patched"): "add evaluate.score",
    ("IN_PROCESS", "answers taken from frames"): "add evaluate.score",
    ("IN_PROCESS", "helper's bytecode poisoned"): "add evaluate.score",
    ("IN_PROCESS", "module shadowed"): "add evaluate.score",
    ("NOT_FINITE", "artifact of not a number"): "check that numbers are finite",
    ("EMPTY", "artifact without rows"): "refuse missing, empty and constant answers",
    ("EMPTY", "artifact first row"): "check number, order",
    ("SATURATED", "artifact empty"): "refuse missing, empty and constant answers",
    ("PICKLED", "artifact executes code"): "data only",
    ("UNCHECKED", "nothing done, exit 0"): "add a guard on the result",
    ("NOT_FINITE", "answer not a number"): "check that numbers are finite",
    ("PATIENT", "sleep past the limit"): "let it fail instead",
    ("PERSUADED", "content that tells the judge"): "quoted data",
    ("PERSUADED", "content empty"): "refuse missing, empty",
}


@pytest.mark.attack
@pytest.mark.parametrize(("project", "cheat"), PLANTED)
def test_a_planted_weakness_is_found_with_its_remedy(attacked: Attacked, project: str, cheat: str) -> None:
    facts = attacked(project)
    assert status(facts, cheat) == "paid"
    assert cheat in facts["paid"]
    assert PLANTED[project, cheat] in remedy(facts, cheat)
    assert facts["returned"] == 1


@pytest.mark.attack
@pytest.mark.promise("honest about itself")
def test_labels_that_the_target_can_read_are_named_without_being_a_payment(attacked: Attacked) -> None:
    facts = attacked("IN_PROCESS")
    assert status(facts, "labels read") == "readable"
    assert "labels read" not in facts["paid"]
    assert "sandbox.private" in remedy(facts, "labels read")
    (words,) = (one["words"] for one in facts["cheats"] if one["name"] == "labels read")
    assert words == "1 of 1 can be read: data/labels.csv"


@pytest.mark.attack
def test_what_the_sandbox_stops_is_stopped_even_where_the_evaluator_is_weak(attacked: Attacked) -> None:
    facts = attacked("IN_PROCESS")
    for name in ("evaluator overwritten", "helper overwritten", "answers of an earlier run", "sleep past the limit"):
        assert status(facts, name) == "stopped", name
    words = {one["name"]: one["words"] for one in facts["cheats"]}
    assert "changed the frozen file 'judge.py'" in words["evaluator overwritten"]
    assert words["answers of an earlier run"] == "what one run left, the next one did not find"


@pytest.mark.attack
def test_only_what_was_planted_pays_where_the_number_is_sealed(attacked: Attacked) -> None:
    assert attacked("NOT_FINITE")["paid"] == ["answer not a number", "artifact of not a number"]
    assert attacked("PICKLED")["paid"] == ["artifact executes code"]
    assert set(attacked("EMPTY")["paid"]) <= {
        *("artifact without rows", "artifact first half", "artifact first row", "answer []", "artifact empty")
    }


@pytest.mark.attack
@pytest.mark.promise("honest about itself")
def test_on_a_sound_sealed_evaluator_nothing_pays(attacked: Attacked) -> None:
    facts = attacked("SOUND")
    assert (facts["level"], facts["paid"], facts["readable"], facts["remedies"]) == ("sealed", [], [], [])
    assert facts["returned"] == 0
    tried = {one["name"] for one in facts["cheats"] if one["status"] == "stopped"}
    assert len(tried) > 40
    assert {"artifact of not a number", "artifact rows twice", "artifact is a link", "labels read"} <= tried
    (words,) = (one["words"] for one in facts["cheats"] if one["name"] == "artifact all 0")
    assert words == "worse: accuracy 0, baseline 0.375"


@pytest.mark.attack
def test_nothing_is_written_in_the_repository_and_no_session_is_opened(attacked: Attacked) -> None:
    facts = attacked("SOUND")
    assert facts["untouched"]
    (home,) = (facts["at"] / "state").glob("project-*")
    assert all(path.name.startswith(".") or path.name == FOLDER for path in home.iterdir()), list(home.iterdir())
    assert not (home / ".check").exists()
    assert not (facts["at"] / "project" / ".git" / "referee-sessions").exists()


@pytest.mark.attack
def test_what_does_not_fit_the_target_is_said(attacked: Attacked) -> None:
    words = {one["name"]: one["words"] for one in attacked("SOUND")["cheats"] if one["status"] == "not tried"}
    assert words["content empty"] == "the target is code"
    assert words["artifact executes code"].startswith("it found nothing to work on")


@pytest.mark.attack
def test_a_target_that_is_worth_nothing_is_no_reason_to_call_doing_nothing_a_cheat(attacked: Attacked) -> None:
    facts = attacked("PATIENT")
    assert facts["paid"] == ["sleep past the limit"]
    (found,) = (one for one in facts["cheats"] if one["name"] == "nothing done, exit 0")
    assert (found["verdict"], found["status"]) == ("simpler", "stopped")


def test_the_screen_has_a_line_for_each_cheat_and_what_to_change_once(attacked: Attacked) -> None:
    lines = render_attack(attacked("PERSUADED")).splitlines()
    assert lines[0].startswith("attack     11 cheats in ")
    assert "paid       content that tells the judge   score 10, baseline 1" in lines
    assert "not tried  53 cheats                      the target is data, nothing of it runs" in lines
    assert "result     3 would have paid at level sealed" in lines
    assert sum(line.startswith("change     the judge follows") for line in lines) == 1
    assert max(map(len, lines)) <= 100
