"""The examples are whole, their figures are true, and their evaluators refuse what is wrong.

Every example is copied into a repository of its own and run as its README says, in a clean environment. Not covered: the
figures of `flags`, which are times.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypedDict

import pytest

from referee.sandbox.output import read
from referee.session.program import load

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ALL = ["circles", "demo", "flags", "karpathy", "pareto", "prompt", "sql"]
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
NAMES = [pytest.param(name, marks=needs_gcc if name == "flags" else ()) for name in ALL]
Checkout = Callable[[str], Path]


class Change(NamedTuple):
    """Replacements in the target of an example, and what they lead to."""

    example: str
    replacements: dict[str, str]
    expected: float

    def __str__(self) -> str:
        return f"{self.example}: {next(iter(self.replacements.values())).strip()[:30]}"


class Step(TypedDict, total=False):
    """One entry of the demo's script."""

    description: str
    edits: list[dict[str, str]]
    content: str


FIVE_BY_FIVE = """    grid = [[(2 * (i % 5) + 1) / 10, (2 * (i // 5) + 1) / 10, 0.1 - 1e-9] for i in range(CIRCLES - 1)]
    return [*grid, [0.2, 0.2, 0.1 * (2**0.5 - 1)]]"""
GRID = """    radius = 1 / 12 - 1e-9
    return [[(2 * (i % 6) + 1) / 12, (2 * (i // 6) + 1) / 12, radius] for i in range(CIRCLES)]"""
TECHNICAL = {"- 1: error": "- 1: error\n- 1: app\n- 1: website\n- 1: load\n- 1: page"}
BILLING = {"- 1: pay\n": "- 1: pay*\n- 1: charged\n- 1: receipt\n- 1: card\n"}
RETURNS = {"- 1: back": "- 1: return*\n- 1: exchange\n- 1: broken\n- 1: back"}
BETTER = [
    Change("circles", {GRID: FIVE_BY_FIVE}, 2.541421331237),
    Change("karpathy", {"LEARNING_RATE = 0.1": "LEARNING_RATE = 0.5"}, 1.488710),
    Change("karpathy", {"BATCH_SIZE = 128": "BATCH_SIZE = 32"}, 1.599884),
    Change("karpathy", {"CONTEXT = 4": "CONTEXT = 8"}, 2.508573),
    Change("karpathy", {"HIDDEN = 32": "HIDDEN = 96"}, 2.540734),
    Change("prompt", TECHNICAL, 0.45),
    Change("prompt", BILLING, 0.416667),
    Change("prompt", RETURNS, 0.4),
    Change("prompt", TECHNICAL | BILLING | RETURNS, 0.55),
    Change("sql", {"LIKE 'paid'": "= 'paid'"}, 1_637_010),
]
WORSE = [
    Change("karpathy", {"LEARNING_RATE = 0.1": "LEARNING_RATE = 0.001"}, 5.800233),
    Change("karpathy", {"CONTEXT = 4": "CONTEXT = 1"}, 3.459315),
]
FACTORED = """x2 = x * x
a = x2 / 7
b = 0.2 - a
c = x2 * b
third = 1 / 3
d = third - c
e = x2 * d
f = 1 - e
result = x * f
"""
FITTED = """x2 = x * x
a = x2 * 0.038986
b = 0.1462636 - a
c = x2 * b
d = 0.3211745 - c
e = x2 * d
f = 0.9992138 - e
result = x * f
"""
ONE_PASS = """WITH per_category AS (
  SELECT o.customer_id, p.category, SUM(l.quantity * l.price) AS cents
  FROM orders o JOIN lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id
  WHERE o.status = 'paid' GROUP BY o.customer_id, p.category
), best AS (
  SELECT customer_id, SUM(cents) AS cents, MIN(printf('%012d', 999999999999 - cents) || category) AS top
  FROM per_category GROUP BY customer_id
), counts AS (
  SELECT customer_id, COUNT(*) AS n FROM orders WHERE status = 'paid' GROUP BY customer_id
)
SELECT c.city, c.name, counts.n, best.cents, substr(best.top, 13)
FROM counts CROSS JOIN best USING (customer_id) JOIN customers c ON c.id = customer_id
ORDER BY best.cents DESC, c.name
"""


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
    """Run the command of `program.md` with this Python and next to nothing in the environment."""
    words = load(folder / "program.md").contract.evaluate.command
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-B", *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def measured(folder: Path) -> dict[str, float]:
    """Return the contract's metrics as Referee would read them."""
    done = evaluate(folder)
    assert done.returncode == 0, done.stderr
    names = tuple(load(folder / "program.md").contract.metrics)
    found = read(done.stdout.encode(), {}, names, {})
    return {name: found[name] for name in names}


def rewrite(folder: Path, replacements: dict[str, str]) -> None:
    """Edit the target; what is replaced must be there."""
    target = folder / load(folder / "program.md").contract.target.path
    text = target.read_text(encoding="utf-8")
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    target.write_text(text, encoding="utf-8")


def baseline(name: str) -> dict[str, float]:
    """Return the figures of the line `Baseline:` in an example's README."""
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("Baseline: "))
    return {metric: float(value) for metric, value in re.findall(r"`(\w+): ([0-9.]+)`", line)}


def near(name: str, value: float) -> object:
    """Exact, but for what another processor or another SQLite may add."""
    return pytest.approx(value, rel={"karpathy": 0.02, "sql": 0.25}.get(name, 1e-12))


def confirmed(change: Change, folder: Path) -> float:
    """Make a change, check that its figure is true and stands in the README, and return what was measured."""
    rewrite(folder, change.replacements)
    value = primary(measured(folder))
    assert value == near(change.example, change.expected)
    figures = re.findall(r"\| ([0-9]+(?:\.[0-9]+)?)", (folder / "README.md").read_text(encoding="utf-8"))
    assert change.expected in [float(figure) for figure in figures]
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
    command = ["git", "status", "--porcelain"]
    assert not subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=30).stdout


@pytest.mark.parametrize("name", [name for name in ALL if name != "flags"])
def test_the_baseline_that_the_readme_states_is_what_is_measured_twice(name: str, checkout: Checkout) -> None:
    folder = checkout(name)
    first = measured(folder)
    assert measured(folder) == first
    assert first.keys() == baseline(name).keys()
    assert all(value == near(name, first[metric]) for metric, value in baseline(name).items())


@pytest.mark.parametrize("change", BETTER, ids=str)
def test_an_honest_change_improves_the_number_as_its_readme_says(change: Change, checkout: Checkout) -> None:
    before, after = primary(baseline(change.example)), confirmed(change, checkout(change.example))
    declared = next(iter(load(EXAMPLES / change.example / "program.md").contract.metrics.values()))
    assert (after - before if declared.goal == "maximize" else before - after) > declared.min_delta


@pytest.mark.parametrize("change", WORSE, ids=str)
def test_a_bad_change_of_the_model_worsens_it_as_its_readme_says(change: Change, checkout: Checkout) -> None:
    assert confirmed(change, checkout(change.example)) > primary(baseline(change.example))


@pytest.mark.parametrize(("program", "error", "operations"), [(FACTORED, 61588.639588, 15), (FITTED, 81.440372, 8)])
def test_a_better_formula_dominates_the_baseline(
    program: str, error: float, operations: int, checkout: Checkout
) -> None:
    folder = checkout("pareto")
    (folder / "arctan.txt").write_text(program, encoding="utf-8")
    assert measured(folder) == {"error_ppm": error, "operations": operations}
    assert f"| {error} | {operations} |" in (folder / "README.md").read_text(encoding="utf-8")
    assert error <= baseline("pareto")["error_ppm"]
    assert operations < baseline("pareto")["operations"]


def test_a_query_in_one_pass_costs_a_twentieth(checkout: Checkout) -> None:
    folder = checkout("sql")
    (folder / "query.sql").write_text(ONE_PASS, encoding="utf-8")
    assert measured(folder)["vm_steps"] < baseline("sql")["vm_steps"] / 20


@needs_gcc
def test_more_optimisation_takes_less_time(checkout: Checkout) -> None:
    """-O0 against -O3 is a factor of five, so that no noise can turn it round."""
    folder = checkout("flags")
    rewrite(folder, {"-O1": "-O0"})
    slow = measured(folder)["cpu_ms"]
    rewrite(folder, {"-O0": "-O3"})
    assert measured(folder)["cpu_ms"] < slow


REFUSED = {
    "circles: overlap by 1e-8": ("circles", {"% 6) + 1) / 12,": "% 6) + 1) / 12 * 0.9999999 + 5e-8,"}, "overlap"),
    "circles: outside by 1e-16": ("circles", {"1 / 12 - 1e-9": "1 / 12 + 1e-16"}, "leaves the unit square"),
    "circles: too many": ("circles", {"return [[": "return [[0, 0, 0]] + [["}, "expected a list of 26 circles"),
    "circles: nan": ("circles", {"1 / 12 - 1e-9": 'float("nan")'}, "found the number 'NaN'"),
    "circles: crash": ("circles", {"return [[": "return exit(3) or [["}, "exit code 3"),
    "demo: lost parcel": ("demo", {"in parcels:": "in parcels[1:]:"}, "are not the parcels of the day"),
    "demo: too full": ("demo", {"> room": "> room + 1"}, "holds more than 100"),
    "demo: split": ("demo", {".append(parcel)": ".extend([parcel / 2, parcel / 2])"}, "is a whole number"),
    "pareto: a call": ("pareto", {"x2 = x * x": "x2 = print(0)"}, "expected: new_name = a + b"),
    "pareto: unknown name": ("pareto", {"s5 - t7": "s5 - t9"}, "'t9' is neither"),
    "prompt: no such desk": ("prompt", {"## billing": "## gold"}, "expected one of: billing"),
    "prompt: too long": ("prompt", {"- 1: money\n": "- 1: money\n" * 100}, "expected at most"),
    "sql: wrong rows": ("sql", {"LIKE 'paid'": "LIKE 'open'"}, "row"),
    "sql: other order": ("sql", {"ORDER BY cents DESC, c.name": "ORDER BY c.name"}, "row 0: found"),
    "sql: writes": ("sql", {"WITH spent": "CREATE TABLE t AS WITH spent"}, "not authorized"),
    "sql: two statements": ("sql", {"ORDER BY cents DESC, c.name": "; SELECT 1"}, "only execute one statement"),
}
FLAGS = [
    "-o other",
    "@more",
    "-fplugin=./x.so",
    "-B.",
    "-wrapper ./x",
    "-DROUNDS=1",
    "-include x.h",
    "-O3 -O99",
    "-x c",
]


@pytest.mark.parametrize(("name", "replacements", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_answer_has_no_score(name: str, replacements: dict[str, str], reason: str, checkout: Checkout) -> None:
    folder = checkout(name)
    rewrite(folder, replacements)
    done = evaluate(folder)
    assert done.returncode != 0
    assert reason in done.stderr
    assert not re.search(r"^\w+:", done.stdout, re.MULTILINE)


@needs_gcc
@pytest.mark.parametrize("flags", FLAGS)
def test_a_flag_that_is_not_on_the_list_is_refused_before_gcc_starts(flags: str, checkout: Checkout) -> None:
    folder = checkout("flags")
    rewrite(folder, {"-O1": flags})
    done = evaluate(folder)
    assert done.returncode != 0
    assert "is not allowed" in done.stderr


@needs_gcc
def test_a_flag_that_breaks_the_result_is_refused(checkout: Checkout) -> None:
    folder = checkout("flags")
    rewrite(folder, {"-O1": "-O3 -ffast-math"})
    done = evaluate(folder)
    assert done.returncode != 0
    assert "the benchmark printed" in done.stderr


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
    done = evaluate(folder)
    return measured(folder)["vans"] if done.returncode == 0 else "crash"


def endless(folder: Path) -> str:
    """Say whether the evaluator is still at work after two seconds, and end it with all that it started."""
    process = subprocess.Popen(
        [sys.executable, "-B", "evaluate.py"], cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL
    )
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
    best = first = (folder / "pack.py").read_text(encoding="utf-8")
    seen: list[float | str] = []
    lowest = baseline("demo")["vans"]
    for step in script:
        text = edited(best, step)
        seen.append(result := played(folder, text))
        if isinstance(result, float) and result <= lowest:
            best, lowest = text, result
    assert seen == [223, 279, "crash", "endless", 214, 214]
    assert best == script[-1].get("content")
    assert len(best.splitlines()) < len(first.splitlines())


@pytest.mark.parametrize("name", ALL)
def test_every_example_is_described_by_itself_and_in_the_table(name: str) -> None:
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"]({name}/README.md)" in table
    assert "`self-reported`" in text
    assert " ".join(load(EXAMPLES / name / "program.md").contract.evaluate.command) in text
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(ALL)
