"""Evaluators in the manner of other projects run as they are, and give the numbers that they give by hand.

Each folder of `evaluators/` imitates a contract of the field with code of our own: `initial.py` (or another target),
an evaluator that knows nothing of us, and an honest improvement `better.py`.
"""

import re
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from referee.server.commands.check import gather
from referee.server.commands.init import init
from referee.server.program_text import Answers
from referee.session.contract import Contract
from referee.session.errors import ProgramError
from referee.session.program import load

from tests import by_hand
from tests.projects import git

ROOT = Path(__file__).resolve().parents[1]
EVALUATORS = ROOT / "tests" / "evaluators"
ADAPTERS = {
    "curve": "A",  # a function that returns a dict
    "spread": "A",  # an object with metrics and artifacts
    "orders": "A",  # a coroutine; a nested dict
    "sentences": "A",  # runs the target as a program
    "buckets": "A",  # loads the target twice; imports a helper beside itself
    "labels": "A",  # changes the working folder and writes beside itself
    "knapsack": "B",
    "codec": "B",  # with a guard among the public metrics
    "routes": "C",  # the last line
    "slugs": "C",  # all of the output; a target that is no Python
    "bigram": "D",  # name: value
    "sorting": "D",  # METRIC name=value
    "ruler": "E",  # a check that returns a number
    "signs": "E",  # a check that returns a dict
    "pairs": "F",
    "rectangles": "F",
    "ledger": "G",  # reward.json
    "shifts": "G",  # reward.txt; a target that is data
}
TIMED = {"seconds"}
NEEDED = {  # what only a person knows; of all others `init` tells everything by itself
    "buckets": "metric goal",  # two numbers whose names do not say which counts
    "ruler": "args",  # how many marks is said nowhere
    "signs": "args metric goal",
}
Connect = Callable[..., AbstractAsyncContextManager[Any]]


def _others() -> set[str]:
    """All imitations but the first of each letter."""
    return ADAPTERS.keys() - {letter: name for name, letter in reversed(ADAPTERS.items())}.values()


@pytest.fixture(params=[pytest.param(n, marks=[pytest.mark.slow] if n in _others() else []) for n in ADAPTERS])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One imitation in a repository of its own, without its improvement."""
    folder = tmp_path / str(request.param)
    shutil.copytree(EVALUATORS / folder.name, folder, ignore=shutil.ignore_patterns("better.*", "__pycache__"))
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "The project"]):
        git(folder, *words)
    return folder


def better(project: Path) -> str:
    """The text of the improvement."""
    (found,) = (EVALUATORS / project.name).glob("better.*")
    return found.read_text(encoding="utf-8")


def numbers(project: Path, text: str | None = None) -> by_hand.Numbers:
    """What the evaluator gives by hand in a copy of the project, for this text of the target."""
    copy = project.parent / f"by-hand-{text is None}" / project.name
    shutil.copytree(project, copy)
    if text is not None:
        (copy / by_hand.target(copy)).write_text(text, encoding="utf-8")
    return by_hand.numbers(copy, ADAPTERS[project.name], copy.parent / "results")


def asked(project: Path, found: dict[str, float]) -> dict[str, float]:
    """What the contract names of these numbers, times left out."""
    return {name: found[name] for name in by_hand.front_matter(project)["metrics"] if name not in TIMED}


def skip_unless_supported(project: Path) -> None:
    """Skip a contract whose keys are not built yet, in the words of the refusal."""
    try:
        load(project / "program.md")
    except ProgramError as error:
        if "not supported yet" not in str(error):
            raise
        pytest.skip(str(error))


def test_every_adapter_has_two_imitations_and_every_folder_is_tried() -> None:
    assert {path.parent.name for path in EVALUATORS.glob("*/program.md")} == ADAPTERS.keys()
    letters = list(ADAPTERS.values())
    assert {letter for letter in letters if letters.count(letter) >= 2} == set("ABCDEFG")


def test_no_evaluator_knows_who_runs_it() -> None:
    every = [path for name in ADAPTERS for path in (EVALUATORS / name).rglob("*")]
    files = [path for path in every if path.is_file() and path.suffix != ".pyc"]
    assert len(files) > 3 * len(ADAPTERS)
    assert [path for path in files if b"referee" in path.read_bytes().lower()] == []


def test_the_improvement_is_one_by_hand(project: Path) -> None:
    metrics = by_hand.front_matter(project)["metrics"]
    primary = next(iter(metrics))
    goal = metrics[primary] if isinstance(metrics[primary], str) else metrics[primary]["goal"]
    before, after = numbers(project)[primary], numbers(project, better(project))[primary]
    assert after > before if goal == "maximize" else after < before


def test_check_measures_the_baseline_that_a_run_by_hand_gives(project: Path) -> None:
    skip_unless_supported(project)
    facts = gather(project, None)
    assert facts["ok"], facts["baseline"]
    assert asked(project, facts["baseline"]["metrics"]) == asked(project, numbers(project))
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.anyio
async def test_a_better_target_is_kept_with_its_number_by_hand_and_nothing_else_changes(
    project: Path, connect_stdio: Connect
) -> None:
    skip_unless_supported(project)
    async with connect_stdio(project, "--tag", "night") as agent:
        answer = await agent("run_trial", description="the improvement", content=better(project))
    assert answer["decision"] == "keep", answer
    assert asked(project, answer["metrics"]) == asked(project, numbers(project, better(project)))
    assert asked(project, answer["baseline"]["metrics"]) == asked(project, numbers(project))
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "diff", "--name-only", "HEAD", "referee/night") == by_hand.target(project)


def test_init_writes_the_contract_from_what_it_cannot_tell(project: Path) -> None:
    wanted = load(project / "program.md").contract
    call = wanted.evaluate.call
    known: dict[str, Any] = {
        "metric": wanted.primary,
        "goal": wanted.metrics[wanted.primary].goal,
        "args": call.args if call else {},
    }
    flags = {name: value for name, value in known.items() if name in NEEDED.get(project.name, "")}
    (project / "program.md").unlink()
    assert init(project, replace(Answers("", "", "", "", ""), **flags), ask=None, only_print=False) == 0
    found = load(project / "program.md").contract
    assert found.target == wanted.target
    assert measured_by(found) == measured_by(wanted)
    assert (found.primary, found.metrics[found.primary].goal) == (known["metric"], known["goal"])
    assert found.guards.keys() >= ({"solved"} if wanted.evaluate.problem else set())


def measured_by(contract: Contract) -> dict[str, Any]:
    """The form of the evaluator, without its time limit, and with the target's path in the place for it."""
    form = contract.evaluate.model_copy(update={"timeout": 1.0}).model_dump()
    filled = [word.replace("{target}", contract.target.path) for word in form["command"] or ()]
    return form | {"command": filled}


@pytest.mark.parametrize("project", NEEDED, indirect=True)
def test_init_asks_for_what_only_a_person_knows(project: Path) -> None:
    (project / "program.md").unlink()
    with pytest.raises(ProgramError, match=r"--(metric NAME|arg \w+=VALUE)"):
        init(project, Answers("", "", "", "", ""), ask=None, only_print=False)


def snippets() -> dict[str, str]:
    """The front matter that the page shows, by the folder that it is said to be from."""
    page = (ROOT / "docs" / "evaluators.md").read_text(encoding="utf-8")
    return dict(re.findall(r"`tests/evaluators/(\w+)/program\.md`:\n\n```yaml\n(.*?)```", page, re.DOTALL))


def test_the_page_shows_the_front_matter_of_a_project_for_every_adapter() -> None:
    assert {ADAPTERS[name] for name in snippets()} == set("ABCDEFG")
    front = {name: (EVALUATORS / name / "program.md").read_text(encoding="utf-8") for name in snippets()}
    assert {name: text.split("---\n")[1] for name, text in front.items()} == snippets()


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_page_names_the_integrity_of_each_project(name: str) -> None:
    skip_unless_supported(EVALUATORS / name)
    page = (ROOT / "docs" / "evaluators.md").read_text(encoding="utf-8")
    contract = load(EVALUATORS / name / "program.md").contract
    data = contract.target.kind == "data"
    row = r"\| \| any of [^|]*\| `kind: data` " if data else rf"\| {ADAPTERS[name]} \|[^|]*\|[^|]*"
    found = re.search(rf"^{row}\| `([a-z-]+)`", page, re.MULTILINE)
    assert found is not None
    assert found[1] == contract.integrity
