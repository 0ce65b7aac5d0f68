"""`referee init` recognises evaluators by reading them: functions, problems, calls, scripts with arguments, data."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from referee.server.commands.init import init
from referee.server.program_text import Answers, program_text
from referee.session import program
from referee.session.contract import Contract
from referee.session.errors import ProgramError, RepositoryError

NOTHING = Answers("", "", "", "", "")
LOAD = "import importlib.util\nimportlib.util.spec_from_file_location('p', 'p')\n"
OPEN_ENDED = "def evaluate(program_path):\n    return {'combined_score': 1.0}\n"
CHECK = "def evaluate(output, n):\n    return {'score': output / n}\n"
SHINKA = """\
import argparse, json
parser = argparse.ArgumentParser()
parser.add_argument("--program_path", default="initial.py")
parser.add_argument("--results_dir", default="results")
parser.add_argument("--verbose", action="store_true")
"""
TASK = "def generate_problem(n, seed): ...\ndef is_solution(problem, solution): ...\n"
Make = Callable[[dict[str, str]], Path]


@pytest.fixture
def make(tmp_path: Path, git: Callable[..., str]) -> Make:
    """Commit a project from file names and texts."""

    def made(files: dict[str, str]) -> Path:
        folder = tmp_path / "project"
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "project"]):
            git(folder, *words)
        return folder

    return made


def written(folder: Path, **flags: Any) -> Contract:
    """The contract that init writes with these flags and nobody to ask."""
    assert init(folder, replace(NOTHING, **flags), ask=None, only_print=False) == 0
    return program.load(folder / "program.md").contract


def refusal(folder: Path, **flags: Any) -> str:
    with pytest.raises((ProgramError, RepositoryError)) as fault:
        init(folder, replace(NOTHING, **flags), ask=None, only_print=False)
    assert not (folder / "program.md").exists()
    return str(fault.value)


@pytest.mark.parametrize(
    ("body", "metric"),
    [
        pytest.param("def evaluate(program_path):\n return {'accuracy': x, 'n': 3}", "accuracy", id="a dict"),
        pytest.param("async def evaluate(path):\n return {'accuracy': await x()}", "accuracy", id="a coroutine"),
        pytest.param("def evaluate(p_path, runs=3):\n d = {'loss': x}\n return d", "loss", id="a variable"),
        pytest.param("def evaluate(program_path):\n d = {}\n d['loss'] = x\n return d", "loss", id="filled by key"),
        pytest.param("def evaluate(path):\n return R(metrics={'f1': x}, artifacts={'loss': 1})", "f1", id="object"),
        pytest.param("def go(p):\n return {'f1': 1.0}\ndef evaluate(path):\n return go(path)", "f1", id="a helper"),
        pytest.param("def evaluate(path):\n return {'loss': 1, 'combined_score': y}", "combined_score", id="overall"),
        pytest.param("def evaluate(path):\n return {'error': str(e), 'auc': y}", "auc", id="a text beside it"),
        pytest.param("def evaluate(path):\n return f('combined_score')[0]", "combined_score", id="only named"),
        pytest.param("def evaluate_stage1(p):\n return {'loss': 1}\n" + OPEN_ENDED, "combined_score", id="cascade"),
    ],
)  # fmt: skip
def test_a_function_of_the_path_is_the_evaluator_with_the_metric_that_it_returns(
    body: str, metric: str, make: Make
) -> None:
    found = written(make({"evaluator.py": LOAD + body, "initial.py": "\n", "README.md": "\n", "config.yaml": "\n"}))
    assert (found.target.path, found.evaluate.function) == ("initial.py", "evaluator.py:evaluate")
    assert found.primary == metric


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"evaluator.py": OPEN_ENDED}, id="it loads nothing"),
        pytest.param({"evaluator.py": LOAD + "def evaluate(model, data):\n return {'loss': 1}"}, id="two arguments"),
        pytest.param({"evaluator.py": LOAD + "class A:\n def evaluate(self, path): ..."}, id="a method"),
        pytest.param({"evaluator.py": LOAD + "def evaluate(results_dir): ..."}, id="a folder of results"),
        pytest.param({"test_it.py": LOAD + OPEN_ENDED}, id="a test"),
        pytest.param({"a.py": LOAD + OPEN_ENDED, "b.py": LOAD + OPEN_ENDED}, id="two alike"),
        pytest.param({"evaluator.py": LOAD + OPEN_ENDED + "def x(:"}, id="no Python"),
    ],
)
def test_what_is_not_plainly_a_function_of_the_path_is_not_taken_for_one(files: dict[str, str], make: Make) -> None:
    flags = {"metric": "loss", "command": ""}
    folder = make(files | {"initial.py": "print('loss:', 1)\n"})
    assert written(folder, target="initial.py", **flags).evaluate.function is None


def test_flags_of_program_and_results_folder_become_a_command(make: Make) -> None:
    found = written(make({"evaluate.py": SHINKA, "initial.py": "# EVOLVE-BLOCK-START\n"}))
    words = ("python3", "evaluate.py", "--program_path", "{target}", "--results_dir", "{results}")
    assert found.evaluate.command == words
    assert found.primary == "combined_score"
    assert "\n  command: python3 evaluate.py --program_path {target} --results_dir {results}\n" in program_text(
        replace(NOTHING, target="a", command=" ".join(words)), []
    )


def test_a_problem_is_timed_and_guarded_by_its_solutions(make: Make) -> None:
    found = written(make({"task.py": TASK, "solver.py": "def solve(problem): ...\n", "task.md": "\n", "README.md": ""}),
                    target="solver.py")  # fmt: skip
    assert found.evaluate.problem == "task.py"
    assert {name: metric.role for name, metric in found.metrics.items()} == {"seconds": "metric", "solved": "guard"}
    assert found.metrics["solved"].min == 1


@pytest.mark.parametrize(
    ("constants", "args"),
    [
        ("PARAMS = {'n': 7}\n", {"n": 7}),
        ("N = 7\n", {"n": 7}),
        ("N: int = 7\nOTHER = {'m': 1}\n", {"n": 7}),
        ("CASE = {'n': [1, {'a': None}]}\n", {"n": [1, {"a": None}]}),
    ],
)
def test_a_call_is_written_with_arguments_that_stand_in_the_evaluator(
    constants: str, args: dict[str, object], make: Make
) -> None:
    found = written(make({"evaluate.py": constants + CHECK, "initial.py": "def construct(n): ...\n"})).evaluate.call
    assert found is not None
    assert (found.function, found.check, found.args) == ("initial.py:construct", "evaluate.py:evaluate", args)


@pytest.mark.parametrize(
    "constants", ["", "A = {'n': 1}\nB = {'n': 2}\n", "N = seven()\n", "N = {1, 2}\n", "N = 1e999\n"]
)
def test_an_argument_that_stands_nowhere_is_asked_for_by_its_name(constants: str, make: Make) -> None:
    folder = make({"evaluate.py": constants + CHECK, "initial.py": "def construct(n): ...\n"})
    assert "--arg n=VALUE" in refusal(folder)
    found = written(folder, args={"n": 7}).evaluate.call
    assert found is not None
    assert found.args == {"n": 7}


@pytest.mark.parametrize(
    ("check", "target"),
    [
        pytest.param(CHECK, "def a(n): ...\ndef b(n): ...\n", id="two functions fit"),
        pytest.param(CHECK, "def a(size): ...\n", id="other arguments"),
        pytest.param(CHECK, "def _a(n): ...\n", id="a private function"),
        pytest.param(CHECK + "def check(output, n): ...\n", "def a(n): ...\n", id="two checks fit"),
        pytest.param(CHECK, "import evaluate\ndef a(n): ...\n", id="the target calls the check"),
        pytest.param(CHECK, "def a(n): ...\nprint('loss:', 1)\n", id="the target reports"),
        pytest.param(CHECK + "print('loss:', 1)\n", "def a(n): ...\n", id="the check reports"),
        pytest.param(CHECK + "if __name__ == '__main__': ...\n", "def a(n): ...\n", id="the check is a script"),
    ],
)
def test_a_call_that_is_not_the_only_one_is_not_proposed(check: str, target: str, make: Make) -> None:
    folder = make({"evaluate.py": "N = 7\n" + check, "initial.py": target})
    assert written(folder, metric="loss").evaluate.form == "command"
    (folder / "program.md").unlink()
    chosen = written(folder, call="a", check="evaluate.py:evaluate", args={"n": 1}, metric="score").evaluate.call
    assert chosen is not None
    assert chosen.args == {"n": 1}


@pytest.mark.parametrize(
    ("name", "evaluator", "kind"),
    [
        pytest.param("prompt.md", "open('prompt.md').read()", "data", id="opened by its name"),
        pytest.param("plan.txt", "import sys\nopen(sys.argv[1])", "data", id="opened by its path"),
        pytest.param("q.sql", "from pathlib import Path\nPath('q.sql').read_text()", "data", id="read"),
        pytest.param("prompt.md", "pass", "code", id="not read"),
        pytest.param("prompt.md", "open('other.md')", "code", id="another is read"),
        pytest.param("plan.txt", "import sys\nexec(open(sys.argv[1]).read())", "code", id="executed"),
        pytest.param("plan.txt", "import helper, sys\nopen(sys.argv[1])", "code", id="a helper could execute it"),
        pytest.param("plan.yaml", "import yaml\nyaml.load(open('plan.yaml'))", "code", id="YAML that makes objects"),
        pytest.param("plan.txt", "from subprocess import run\nopen('plan.txt')", "code", id="programs are run"),
        pytest.param("train.sed", "open('train.sed')", "code", id="a kind that is executed"),
    ],
)
def test_a_target_is_data_only_where_it_is_read_and_nothing_could_execute_it(
    name: str, evaluator: str, kind: str, make: Make
) -> None:
    helper = {"helper.py": "def x(text): return eval(text)\n"} if "helper" in evaluator else {}
    folder = make({"evaluate.py": f"{evaluator}\nprint('loss:', 1)\n", name: "x\n", **helper})
    assert written(folder, target=name).target.kind == kind


@pytest.mark.parametrize(
    ("files", "target"),
    [
        pytest.param({"a.py": "", "b.py": "# EVOLVE-BLOCK-START\n", "initial.py": ""}, "b.py", id="the marked one"),
        pytest.param({"a.py": "", "initial_program.py": ""}, "initial_program.py", id="the first program"),
        pytest.param({"a.py": "", "solution.rs": ""}, "solution.rs", id="a solution in any language"),
        pytest.param({"README.md": "EVOLVE-BLOCK-START", "a.py": ""}, "a.py", id="a page that names the mark"),
        pytest.param({"helper.py": "", "a.py": ""}, "a.py", id="not what the evaluator imports"),
    ],
)
def test_the_target_is_told_by_mark_by_name_or_by_what_is_left(files: dict[str, str], target: str, make: Make) -> None:
    evaluator = LOAD + "import helper  # EVOLVE-BLOCK-START\n" + OPEN_ENDED
    assert written(make({"evaluator.py": evaluator, **files})).target.path == target


def test_a_second_phase_its_artifacts_and_private_files_come_from_flags(make: Make) -> None:
    files = {"train.py": "", "score.py": "print('auc:', 1)\n", "labels/a.csv": ""}
    flags = ["--score", "python3 score.py out/p.csv", "--artifact", "out/", "--private", "labels/"]
    folder = make(files)
    words = [sys.executable, "-m", "referee", "init", "--repo", str(folder), "--yes", *flags]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    found = program.load(folder / "program.md").contract
    assert found.evaluate.command == ("python3", "train.py")
    assert found.evaluate.score == ("python3", "score.py", "out/p.csv")
    assert (found.evaluate.artifacts, found.sandbox.private) == (("out",), ("labels/",))
    assert (found.primary, found.integrity) == ("auc", "sealed")


def test_each_form_and_data_can_be_said_by_flags(make: Make) -> None:
    folder = make(
        {"judge/a.py": CHECK + OPEN_ENDED.replace("evaluate", "other"), "t.txt": "x", "t.py": "", "task.py": ""}
    )
    assert written(folder, target="t.txt", data=True, command="cat t.txt", metric="loss").integrity == "sealed"
    for flags, form in (({"function": "judge/a.py:other"}, "function"), ({"problem": "task.py"}, "problem")):
        (folder / "program.md").unlink()
        assert written(folder, target="t.py", **flags).evaluate.form == form


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"function": "evaluater.py:evaluate"}, "Did you mean 'evaluator.py'?"),
        ({"function": "evaluator.py:evaluat"}, "no function 'evaluat' in evaluator.py, which has: evaluate"),
        ({"problem": "nowhere.py"}, "--problem: no file"),
        ({"call": "solve"}, "--call FUNCTION and --check FILE:NAME go together"),
        ({"function": "evaluator.py:evaluate", "command": "python3 x.py"}, "two evaluators"),
        ({"score": "python3 score.py"}, "evaluate.artifacts"),
        ({"private": ["labels"], "command": "python3 initial.py"}, "sandbox.private"),
    ],
)
def test_flags_that_cannot_be_meant_are_refused_in_words(flags: dict[str, Any], words: str, make: Make) -> None:
    folder = make({"evaluator.py": LOAD + OPEN_ENDED, "initial.py": "print('loss:', 1)\n"})
    assert words in refusal(folder, metric="loss", **flags)


@pytest.mark.parametrize(
    ("answer", "form"),
    [("", "evaluator.py:evaluate"), ("other.py:go", "other.py:go"), ("python3 run.py", ("python3", "run.py"))],
)
def test_a_recognised_form_is_asked_for_and_another_answer_wins(answer: str, form: object, make: Make) -> None:
    asked: list[tuple[str, str]] = []

    def ask(name: str, guess: str) -> str:
        asked.append((name, guess))
        return {"function": answer, "metric": "auc"}.get(name, "")

    folder = make(
        {"evaluator.py": LOAD + OPEN_ENDED, "initial.py": "", "other.py": "def go(path): return {'auc': 1}\n"}
    )
    assert init(folder, NOTHING, ask=ask, only_print=False) == 0
    assert asked[:2] == [("target", "initial.py"), ("function", "evaluator.py:evaluate")]
    found = program.load(folder / "program.md").contract.evaluate
    assert (found.function or found.command) == form


def test_arguments_of_a_call_are_asked_for_one_by_one(make: Make) -> None:
    replies = {"argument n": "7", "argument text": "seven"}
    folder = make({
        "evaluate.py": "def evaluate(output, n, text):\n    return 1.0\n",
        "initial.py": "def construct(n, text): ...\n",
    })  # fmt: skip
    assert init(folder, NOTHING, ask=lambda name, _: replies.get(name, ""), only_print=False) == 0
    found = program.load(folder / "program.md").contract
    assert found.evaluate.call is not None
    assert found.evaluate.call.args == {"n": 7, "text": "seven"}
    assert found.primary == "score"


@pytest.mark.parametrize("name", ["evaluator.py", "task.py", "evaluate.py", "initial.py", "evaluate.sh"])
def test_no_evaluator_is_executed_to_be_recognised(name: str, make: Make, tmp_path: Path) -> None:
    trap = f"touch {tmp_path / 'sprung'}\n" if name.endswith(".sh") else f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    evaluators = {"evaluator.py": LOAD + OPEN_ENDED, "task.py": TASK, "evaluate.py": "N = 7\n" + CHECK}
    text = {**evaluators, "initial.py": "def a(n): ...\n", "evaluate.sh": 'echo "METRIC loss=$1"\n'}[name]
    written(make({"initial.py": "\n", name: trap + text}), metric="loss", goal="minimize")
    assert not (tmp_path / "sprung").exists()
