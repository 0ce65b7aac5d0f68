"""The radiology example: its data, its strict scorer, and what its contract keeps from the agent."""

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from referee.server.commands.check import gather

from tests import by_hand
from tests.projects import git
from tests.sessions import referee

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "radiology"
HEAD = "case,probability"
HIDDEN = ["--split", "test", "out/predictions.csv"]
Connect = Callable[..., AbstractAsyncContextManager[Any]]


def labels(split: str) -> dict[str, str]:
    """1 or 0 by case."""
    path = {"validation": "labels/validation.csv", "test": "test/labels.csv"}[split]
    head, *lines = (EXAMPLE / path).read_text(encoding="ascii").splitlines()
    assert head == "case,lesion"
    return dict(line.split(",") for line in lines)


def asked() -> list[str]:
    """The cases that are to be predicted."""
    return [line.split()[0] for line in (EXAMPLE / "images" / "unlabelled.txt").read_text("ascii").splitlines()]


def scored(folder: Path, lines: list[str], split: str = "validation") -> subprocess.CompletedProcess[str]:
    """Run the scorer by hand on these lines."""
    path = folder / "predictions.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return judge(path, split)


def judge(path: Path, split: str = "validation") -> subprocess.CompletedProcess[str]:
    """Run the scorer by hand on this file."""
    command = [sys.executable, "-B", "score.py", "--split", split, str(path)]
    return subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example in a repository of its own."""
    folder = tmp_path / "radiology"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("out", "__pycache__"))
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "The project"]):
        git(folder, *words)
    return folder


def test_the_script_makes_the_committed_data_byte_for_byte(tmp_path: Path) -> None:
    runpy.run_path(str(EXAMPLE / "test" / "make_data.py"))["main"](tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(made) == 5
    assert [path for path in made if (tmp_path / path).read_bytes() != (EXAMPLE / path).read_bytes()] == []
    size = sum(path.stat().st_size for path in EXAMPLE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert size < 300_000


def test_the_two_splits_are_all_that_is_asked_and_share_no_case() -> None:
    validation, test = labels("validation"), labels("test")
    assert sorted([*validation, *test]) == asked()
    trained = {line.split()[0] for line in (EXAMPLE / "images" / "train.txt").read_text("ascii").splitlines()}
    assert trained.isdisjoint(asked())


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize(
    ("answer", "figures"),
    [
        pytest.param("truth", ("1.000000", "1.000000"), id="perfect"),
        pytest.param("constant", ("0.500000", "0.000000"), id="constant"),
        pytest.param("opposite", ("0.000000", "0.000000"), id="opposite"),
    ],
)
def test_answers_of_known_worth_get_their_figures(
    split: str, answer: str, figures: tuple[str, str], tmp_path: Path
) -> None:
    truth = labels(split)
    numbers = {
        "truth": {"1": "1", "0": "0"},
        "constant": {"1": "0.5", "0": "0.5"},
        "opposite": {"1": "0", "0": "1"},
    }[answer]
    done = scored(tmp_path, [HEAD, *(f"{case},{numbers[truth.get(case, '0')]}" for case in asked())], split)
    assert done.stdout == f"auc: {figures[0]}\nsensitivity: {figures[1]}\n", done.stderr


Rows = list[str]
WRONG: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "missing": (lambda rows: rows[:-1], "MissingCaseError"),
    "only the head": (lambda rows: rows[:1], "MissingCaseError"),
    "nothing": (lambda _rows: [], "FormatError"),
    "twice": (lambda rows: [*rows, rows[1]], "DuplicateCaseError"),
    "twice in place of another": (lambda rows: [*rows[:-1], rows[1]], "DuplicateCaseError"),
    "unknown": (lambda rows: [*rows, "c9999,0.5"], "UnknownCaseError"),
    "a training case": (lambda rows: [*rows, "c0004,0.5"], "UnknownCaseError"),
    "nan": (lambda rows: [*rows[:-1], f"{asked()[-1]},nan"], "NotANumberError"),
    "infinite": (lambda rows: [*rows[:-1], f"{asked()[-1]},inf"], "NotANumberError"),
    "empty": (lambda rows: [*rows[:-1], f"{asked()[-1]},"], "NotANumberError"),
    "other digits": (lambda rows: [*rows[:-1], f"{asked()[-1]},0_5"], "NotANumberError"),
    "infinite by size": (lambda rows: [*rows[:-1], f"{asked()[-1]},1e999"], "OutOfRangeError"),
    "above one": (lambda rows: [*rows[:-1], f"{asked()[-1]},1.0000001"], "OutOfRangeError"),
    "negative": (lambda rows: [*rows[:-1], f"{asked()[-1]},-0.1"], "OutOfRangeError"),
    "three fields": (lambda rows: [*rows[:-1], f"{rows[-1]},1"], "FormatError"),
    "no head": (lambda rows: rows[1:], "FormatError"),
    "another head": (lambda rows: ["case,lesion", *rows[1:]], "FormatError"),
    "no ASCII": (lambda rows: [*rows[:-1], f"{asked()[-1]},\u0660.5"], "FormatError"),
    "too large": (lambda rows: [*rows, *["c0000,0.5"] * 9000], "TooLargeError"),
}


@pytest.mark.parametrize("case", WRONG)
def test_unsound_predictions_have_no_score_and_a_reason_of_their_own(case: str, tmp_path: Path) -> None:
    change, reason = WRONG[case]
    done = scored(tmp_path, change([HEAD, *(f"{name},0.5" for name in asked())]))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(rf"(\w+\.)?{reason}: ", done.stderr.splitlines()[-1]), done.stderr


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    scored(tmp_path, [HEAD, *(f"{name},0.5" for name in asked())])
    (tmp_path / "link.csv").symlink_to(tmp_path / "predictions.csv")
    done = judge(tmp_path / "link.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert "NoPlainFileError" in done.stderr


def test_check_calls_it_sealed_and_measures_what_its_readme_states(project: Path) -> None:
    facts = gather(project, None)
    assert facts["ok"], facts["baseline"]
    assert facts["integrity"]["level"] == "sealed"
    assert facts["baseline"]["metrics"].keys() == {"auc", "sensitivity"}
    assert facts["baseline"]["metrics"]["auc"] == pytest.approx(0.641131, abs=0.01)
    assert facts["guards_failed"] == []


LOOK = """
import os
found = [path for path in ("labels", "test", "labels/validation.csv", "test/labels.csv") if os.path.exists(path)]
if found:
    raise LookupError(found)
"""


def on_test_split(project: Path) -> str:
    """The baseline's AUC on the hidden labels, by hand."""
    copy = shutil.copytree(project, project.parent / "by hand")
    commands = [[sys.executable, "-B", *words] for words in (["train.py"], ["score.py", *HIDDEN])]
    done = by_hand.one_after_the_other(commands, copy, {})
    return done.stdout.split()[1]


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_trial_sees_no_label_and_the_agent_learns_the_class_of_a_fault_alone(
    project: Path, connect_stdio: Connect
) -> None:
    honest = (project / "train.py").read_text(encoding="utf-8")
    patch = honest.replace("    patch = max", f"{LOOK.replace(chr(10), chr(10) + '    ')}\n    patch = max")
    twice = honest.replace("zip(asked, standard", "zip([*asked][1:] + [max(asked)], standard")
    assert len({honest, patch, twice}) == 3
    async with connect_stdio(project) as agent:
        looked = await agent("run_trial", description="look for labels", content=patch)
        crashed = await agent("run_trial", description="a case twice", content=twice)
        listed = (await agent("read_file"))["text"]
        log = (await agent("read_log", trial=crashed["trial"]))["text"]
        for path in ("labels/validation.csv", "test/labels.csv", "test/make_data.py"):
            await agent.refused("read_file", path=path)
    assert looked["metrics"] == looked["baseline"]["metrics"], "a label was there"
    assert on_test_split(project) in referee("holdout", "--repo", str(project)).stdout
    assert crashed["decision"] == "crash"
    assert "score phase: DuplicateCaseError" in log
    assert max(asked()) not in log + crashed["text"]
    assert "labels" not in listed
    assert "make_data" not in listed


def test_the_page_shows_the_front_matter_and_explains_every_key_of_it() -> None:
    front = (EXAMPLE / "program.md").read_text(encoding="utf-8").split("---\n")[1]
    page = (ROOT / "docs" / "radiology.md").read_text(encoding="utf-8")
    assert f"```yaml\n{front}```" in page
    table = page.partition("| key |")[2].partition("**")[0]
    assert [key for key in re.findall(r"(\w+):", front) if not re.search(rf"[`.]{key}[`.:]", table)] == []
