"""The examples are whole, their figures are true, and their evaluators refuse what is wrong.

Every example is copied into a repository of its own and run as its README says, in a clean environment. Not covered:
the figures of `flags`, which are times.
"""

import contextlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, cast

import pytest
from referee.sandbox.output import read
from referee.session.program import load

from tests import by_hand

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ALL = ["circles", "demo", "flags", "karpathy", "pareto", "prompt", "radiology", "sql"]
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
NAMES = [pytest.param(name, marks=needs_gcc if name == "flags" else ()) for name in ALL]
Checkout = Callable[[str], Path]


class Change(TypedDict):
    """Replacements in the target of an example, and what they lead to."""

    example: str
    replacements: list[tuple[str, str]]
    expected: float


class Refusal(TypedDict):
    """Replacements that make the target wrong, and what the evaluator says to it."""

    case: str
    example: str
    replacements: list[tuple[str, str]]
    reason: str


class Cases(TypedDict):
    """What `examples.toml` holds."""

    better: list[Change]
    worse: list[Change]
    refused: list[Refusal]
    forbidden_flags: list[str]
    texts: dict[str, str]


class Step(TypedDict, total=False):
    """One entry of the demo's script."""

    description: str
    edits: list[dict[str, str]]
    content: str


CASES = cast("Cases", tomllib.loads((Path(__file__).parent / "examples.toml").read_text(encoding="utf-8")))


def first_edit(change: Change) -> str:
    """Return the name under which pytest lists a change."""
    return f"{change['example']}: {change['replacements'][0][1].strip()[:30]}"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Copy an example into a repository of its own, as its reader would."""

    def copy(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
            identity = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
            subprocess.run(["git", *identity, *words], cwd=folder, check=True, timeout=30)
        return folder

    return copy


def evaluate(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the commands of `program.md` with this Python and next to nothing in the environment."""
    declared = load(folder / "program.md").contract.evaluate
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder.parent), "LC_ALL": "C.UTF-8", **threads}
    commands = [[sys.executable, "-B", *words[1:]] for words in (declared.command, declared.score) if words]
    return by_hand.one_after_the_other(commands, folder, clean)


def measured(folder: Path) -> dict[str, float]:
    """Return the contract's metrics as Referee would read them."""
    done = evaluate(folder)
    assert done.returncode == 0, done.stderr
    names = tuple(load(folder / "program.md").contract.metrics)
    found = read(done.stdout.encode(), {}, names, {})
    return {name: found.metrics[name] for name in names}


def refusal(folder: Path) -> str:
    """Return why the evaluator gave no score; fails where it gave one, or printed a traceback of its own."""
    done = evaluate(folder)
    assert done.returncode != 0
    assert not re.search(r"^\w+:", done.stdout, re.MULTILINE)
    assert done.stderr.splitlines()[-1].startswith("evaluate.py: ")
    return done.stderr


def rewrite(folder: Path, replacements: list[tuple[str, str]]) -> None:
    """Edit the target; what is replaced must be there."""
    target = folder / load(folder / "program.md").contract.target.path
    text = target.read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    target.write_text(text, encoding="utf-8")


def baseline(name: str) -> dict[str, float]:
    """Return the figures of the line `Baseline:` in an example's README."""
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("Baseline: "))
    return {metric: float(value) for metric, value in re.findall(r"`(\w+): ([0-9.]+)`", line)}


def same(name: str, value: float, stated: float) -> bool:
    """Say whether two figures are equal, but for what another processor or another SQLite may add."""
    return math.isclose(value, stated, rel_tol={"karpathy": 0.02, "radiology": 0.02, "sql": 0.25}.get(name, 1e-12))


def confirmed(change: Change, folder: Path) -> float:
    """Make a change, check that its figure is true and stands in the README, and return what was measured."""
    rewrite(folder, change["replacements"])
    value = primary(measured(folder))
    assert same(change["example"], value, change["expected"])
    figures = re.findall(r"\| ([0-9]+(?:\.[0-9]+)?)", (folder / "README.md").read_text(encoding="utf-8"))
    assert change["expected"] in [float(figure) for figure in figures]
    return value


def primary(metrics: dict[str, float]) -> float:
    """Return the first metric."""
    return next(iter(metrics.values()))


@pytest.mark.parametrize("name", NAMES)
def test_the_baseline_is_measured_within_its_bounds_and_leaves_the_frozen_files_alone(
    name: str, checkout: Checkout
) -> None:
    folder = checkout(name)
    metrics = measured(folder)
    for metric, declared in load(folder / "program.md").contract.metrics.items():
        low, high = declared.bounds or (metrics[metric], metrics[metric])
        assert low <= metrics[metric] <= high
    subprocess.run(["git", "diff", "--exit-code"], cwd=folder, check=True, timeout=30)


@pytest.mark.parametrize("name", [name for name in ALL if name != "flags"])
def test_the_baseline_that_the_readme_states_is_what_is_measured_twice(name: str, checkout: Checkout) -> None:
    folder = checkout(name)
    first = measured(folder)
    assert measured(folder) == first
    assert first.keys() == baseline(name).keys()
    assert all(same(name, first[metric], stated) for metric, stated in baseline(name).items())


@pytest.mark.parametrize("change", CASES["better"], ids=first_edit)
def test_an_honest_change_improves_the_number_as_its_readme_says(change: Change, checkout: Checkout) -> None:
    name = change["example"]
    before, after = primary(baseline(name)), confirmed(change, checkout(name))
    declared = next(iter(load(EXAMPLES / name / "program.md").contract.metrics.values()))
    assert (after - before if declared.goal == "maximize" else before - after) > declared.min_delta


@pytest.mark.parametrize("change", CASES["worse"], ids=first_edit)
def test_a_bad_change_of_the_model_worsens_it_as_its_readme_says(change: Change, checkout: Checkout) -> None:
    name = change["example"]
    assert confirmed(change, checkout(name)) > primary(baseline(name))


@pytest.mark.parametrize(("program", "error", "operations"), [("factored", 61588.639588, 15), ("fitted", 81.440372, 8)])
def test_a_better_formula_dominates_the_baseline(
    program: str, error: float, operations: int, checkout: Checkout
) -> None:
    folder = checkout("pareto")
    (folder / "arctan.txt").write_text(CASES["texts"][program], encoding="utf-8")
    assert measured(folder) == {"error_ppm": error, "operations": operations}
    assert f"| {error} | {operations} |" in (folder / "README.md").read_text(encoding="utf-8")
    assert error <= baseline("pareto")["error_ppm"]
    assert operations < baseline("pareto")["operations"]


def test_a_query_in_one_pass_costs_less_than_a_tenth(checkout: Checkout) -> None:
    folder = checkout("sql")
    (folder / "query.sql").write_text(CASES["texts"]["one_pass"], encoding="utf-8")
    assert measured(folder)["vm_steps"] < baseline("sql")["vm_steps"] / 10


@needs_gcc
def test_more_optimisation_takes_less_time(checkout: Checkout) -> None:
    """-O0 against -O3 is a factor of five, so that no noise can turn it round."""
    folder = checkout("flags")
    rewrite(folder, [("-O1", "-O0")])
    slow = measured(folder)["cpu_ms"]
    rewrite(folder, [("-O0", "-O3")])
    assert measured(folder)["cpu_ms"] < slow


@pytest.mark.parametrize("wrong", CASES["refused"], ids=lambda wrong: wrong["case"])
def test_a_wrong_answer_has_no_score(wrong: Refusal, checkout: Checkout) -> None:
    folder = checkout(wrong["example"])
    rewrite(folder, wrong["replacements"])
    assert wrong["reason"] in refusal(folder)


def test_a_prompt_that_is_too_long_is_refused(checkout: Checkout) -> None:
    folder = checkout("prompt")
    rewrite(folder, [("- 1: money\n", "- 1: money\n" * 100)])
    assert "expected at most 3000 and 80" in refusal(folder)


@needs_gcc
@pytest.mark.parametrize("flags", CASES["forbidden_flags"])
def test_a_flag_that_is_not_on_the_list_is_refused_before_gcc_starts(flags: str, checkout: Checkout) -> None:
    folder = checkout("flags")
    rewrite(folder, [("-O1", flags)])
    assert "is not allowed" in refusal(folder)


@needs_gcc
def test_a_flag_that_breaks_the_result_is_refused(checkout: Checkout) -> None:
    folder = checkout("flags")
    rewrite(folder, [("-O1", "-O3 -ffast-math")])
    assert "the benchmark printed" in refusal(folder)


def edited(text: str, step: Step) -> str:
    """Return the target after one step of the script; every `old_text` must match exactly once."""
    for edit in step.get("edits", []):
        assert text.count(edit["old_text"]) == 1, edit
        text = text.replace(edit["old_text"], edit["new_text"])
    return step.get("content", text)


def played(folder: Path, text: str) -> float | str:
    """Measure a text of the demo's target; `endless` where it still runs after two seconds."""
    (folder / "pack.py").write_text(text, encoding="utf-8")
    if "while vans:" in text:
        return endless(folder)
    return measured(folder)["vans"] if evaluate(folder).returncode == 0 else "crash"


def endless(folder: Path) -> str:
    """Say whether the evaluator is still at work after two seconds, and end it with all that it started."""
    command = [sys.executable, "-B", "evaluate.py"]
    process = subprocess.Popen(command, cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        return "endless"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return "ended"


def test_the_script_of_the_demo_improves_fails_and_simplifies_in_the_order_of_its_readme(checkout: Checkout) -> None:
    folder = checkout("demo")
    script: list[Step] = json.loads((folder / "script.json").read_text(encoding="utf-8"))
    kept, lowest = [(folder / "pack.py").read_text(encoding="utf-8")], baseline("demo")["vans"]
    seen: list[float | str] = []
    for step in script:
        text = edited(kept[-1], step)
        seen.append(result := played(folder, text))
        if isinstance(result, float) and result <= lowest:
            kept, lowest = [*kept, text], result
    assert seen == [223, 279, "crash", "endless", 214, 214]
    assert len(kept) == 4
    assert len(kept[-1].splitlines()) < len(kept[-2].splitlines())


@pytest.mark.parametrize("name", ALL)
def test_every_example_is_described_by_itself_and_in_the_table(name: str) -> None:
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"]({name}/README.md)" in table
    assert f"`{load(EXAMPLES / name / 'program.md').contract.integrity}`" in text
    assert " ".join(load(EXAMPLES / name / "program.md").contract.evaluate.command or ["no command"]) in text
    assert {path.parent.name for path in EXAMPLES.glob("*/program.md")} == set(ALL)
