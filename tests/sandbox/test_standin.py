"""An unmodified evaluator works with a stand-in of its target: loaded, imported, called, or run as a program."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from referee.sandbox import jail, standin, texts

from .jailed_pair import LOAD, Pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    assert made.left() == []


_TARGET = """
import math, sys
from dataclasses import dataclass

CONST = {"a": (1, 2.5, None)}
OPAQUE = object()
calls = 0

class Odd(Exception):
    pass

@dataclass
class Model:
    slope: float = 1.0
    kind = "linear"

    def fit(self, xs):
        self.slope = sum(xs)
        return self

    def __call__(self, x):
        return self.slope * x

def solve(xs, scale=1):
    global calls
    calls += 1
    return [x * scale for x in xs]

def count():
    return calls

def minimise(f, xs):
    return min((f(x), x) for x in xs)[1]

def use(model, x):
    return model(x)

def fail(how):
    if how == "key": raise KeyError("k")
    if how == "own": raise Odd("mine")
    if how == "exit": sys.exit(3)
    if how == "interrupt": raise KeyboardInterrupt("now")
    if how == "foreign":
        import json
        json.loads("{")
    return object()

def change(xs):
    xs.append(1)

async def later(x):
    return x + 1

print("loaded")
if __name__ == "__main__":
    for line in sys.stdin:
        print(len(sys.argv), line.upper(), end="", flush=True)
    print("to stderr", file=sys.stderr)
    sys.exit(5)
"""


@pytest.mark.parametrize(
    "code",
    [
        f"{LOAD}solve, CONST = program.solve, program.CONST",
        "import target\nsolve, CONST = target.solve, target.CONST",
        "from target import solve, CONST",
        "import runpy\nnames = runpy.run_path('target.py')\nsolve, CONST = names['solve'], names['CONST']",
        "names = {}\nexec(open('target.py').read(), names)\nsolve, CONST = names['solve'], names['CONST']",
        "a, b = {}, {}\nexec(open('target.py').read(), a, b)\nsolve, CONST = b['solve'], b['CONST']",
        "import importlib, target\nimportlib.reload(target)\nfrom target import solve, CONST",
    ],
)
def test_every_way_to_load_the_target_gives_its_functions_and_constants(pair: Pair, code: str) -> None:
    pair.lay(_TARGET)
    asked = "print(json.dumps([solve([1, 2.5], scale=2), CONST, type(CONST['a']).__name__]))"
    assert pair.found(f"{code}\n{asked}") == [[2, 5.0], {"a": [1, 2.5, None]}, "tuple"]
    assert "loaded" in (pair.base / "log").read_text(encoding="utf-8")


def test_state_lasts_for_a_load_and_each_load_is_fresh(pair: Pair) -> None:
    pair.lay(_TARGET)
    code = f"{LOAD}first = program\nfirst.solve([]), first.solve([])\n{LOAD}"
    assert pair.found(f"{code}print([first.count(), program.count()])") == [2, 0]


def test_objects_of_the_target_live_in_the_jail(pair: Pair) -> None:
    pair.lay(_TARGET)
    code = (
        "from target import Model, use\nmodel = Model(2.0)\nout = [model.slope, model(3), Model.kind]\n"
        "out += [model.fit([1, 2, 3]) is model, model.slope, use(model, 2), isinstance(model, Model)]\n"
        "model.slope = 10\nprint(json.dumps([*out, model(1), model == Model(10), hasattr(model, 'nothing')]))"
    )
    assert pair.found(code) == [2.0, 6.0, "linear", True, 6, 12, True, 10, False, False]


def test_functions_given_as_arguments_are_called_back_and_may_call_the_target(pair: Pair) -> None:
    pair.lay(_TARGET)
    code = "import target\nf = lambda x: (x - 3) ** 2 + target.solve([0])[0]\nprint(target.minimise(f, [1, 2, 3, 4]))"
    assert pair.found(code) == 3


def test_a_coroutine_of_the_target_is_awaited(pair: Pair) -> None:
    pair.lay(_TARGET)
    assert pair.found("import asyncio, target\nprint(asyncio.run(target.later(1)))") == 2


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("target.fail('key')", "KeyError", "'k'"),
        ("target.fail('own')", "Odd", "mine"),
        ("target.fail('exit')", "RuntimeError", "SystemExit: 3"),
        ("target.fail('interrupt')", "RuntimeError", "KeyboardInterrupt: now"),
        ("target.fail('foreign')", "RuntimeError", "json.decoder.JSONDecodeError: Expecting"),
        ("target.fail('object')", "TypeError", "a result of type object cannot be carried"),
        ("target.solve(open('evaluator.py'))", "TypeError", "an argument of type _io.TextIOWrapper cannot be carried"),
        ("target.OPAQUE", "TypeError", "a value of type object cannot be carried"),
        ("target.missing", "AttributeError", "has no attribute 'missing'"),
        ("target.minimise(lambda x: x / 0, [1])", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_fault_is_an_exception_that_says_what_happened(pair: Pair, code: str, kind: str, message: str) -> None:
    pair.lay(_TARGET)
    tried = f"import target\ntry:\n    {code}\nexcept Exception as error:\n"
    found = pair.found(f"{tried}    print(json.dumps([type(error).__name__, str(error), target.count()]))")
    assert (found[0], found[2]) == (kind, 0)
    assert message in found[1]
    noted = (pair.link / "refused").read_text(encoding="utf-8") if (pair.link / "refused").exists() else ""
    assert ("cannot be carried" in found[1]) == bool(noted)
    assert noted.strip() in found[1]


@pytest.mark.promise("earned keep")
def test_what_the_target_does_to_an_argument_is_not_seen(pair: Pair) -> None:
    pair.lay(_TARGET)
    assert pair.found("import target\nxs = [0]\ntarget.change(xs)\nprint(xs)") == [0]


def test_threads_and_forked_processes_can_call_the_target(pair: Pair) -> None:
    pair.lay(_TARGET)
    code = (
        "import target\nfrom concurrent.futures import ThreadPoolExecutor\nfrom multiprocessing import get_context\n"
        "if __name__ == '__main__':\n"
        "    with ThreadPoolExecutor(4) as pool: threads = list(pool.map(target.solve, [[n] for n in range(20)]))\n"
        "    with get_context('fork').Pool(2) as pool: forks = pool.map(target.solve, [[n] for n in range(20)])\n"
        "    print(json.dumps([threads == forks == [[n] for n in range(20)], target.count()]))"
    )
    assert pair.found(code) == [True, 20]


_RUN = (
    "import subprocess, sys\nrun = subprocess.run([sys.executable, 'target.py', *{words}], capture_output=True{more})\n"
)
_TOLD = "print(json.dumps([run.returncode, run.stdout.decode(), run.stderr.decode()]))"


def test_the_target_runs_as_a_program(pair: Pair) -> None:
    pair.lay(_TARGET)
    code = _RUN.format(words=["a", "--b"], more=", input=b'x\\ny\\n'")
    assert pair.found(code + _TOLD) == [5, "loaded\n3 X\n3 Y\n", "to stderr\n"]


def test_a_program_can_be_talked_with(pair: Pair) -> None:
    pair.lay(_TARGET)
    code = (
        "import subprocess, sys\n"
        "run = subprocess.Popen([sys.executable, 'target.py'], stdin=-1, stdout=-1, stderr=-1, text=True)\n"
        "said = [run.stdout.readline()]\n"
        "for word in 'ab':\n    run.stdin.write(word + '\\n'); run.stdin.flush(); said.append(run.stdout.readline())\n"
        "run.stdin.close()\nprint(json.dumps([said, run.wait()]))\nrun.stdout.close(); run.stderr.close()"
    )
    assert pair.found(code) == [["loaded\n", "1 A\n", "1 B\n"], 5]


@pytest.mark.parametrize(
    ("target", "code"),
    [("pass", 0), ("raise ValueError", 1), ("import os; os._exit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_the_exit_code_of_a_program_comes_back(pair: Pair, target: str, code: int) -> None:
    pair.lay(target)
    assert pair.found(_RUN.format(words=[], more="") + _TOLD)[0] == code


def test_much_output_of_a_program_passes_whole(pair: Pair) -> None:
    pair.lay("import sys\nsys.stdout.write('x' * 3_000_000)\nsys.stderr.write('y' * 3_000_000)\n")
    code = _RUN.format(words=[], more="") + "print(json.dumps([len(run.stdout), len(run.stderr)]))"
    assert pair.found(code) == [3_000_000, 3_000_000]


def test_large_arrays_pass(pair: Pair) -> None:
    pair.lay("def double(array): return array * 2\n")
    code = "import numpy, target\nr = target.double(numpy.ones((1000, 1000)))\nprint(json.dumps([r.sum(), r.shape]))"
    assert pair.found(code) == [2e6, [1000, 1000]]


def test_texts_are_python_3_8_and_fit_into_one_argument() -> None:
    argv = jail.argv("python", "/link", "/jail/target.py")
    assert all(len(word) < texts.LARGEST_ARGUMENT for word in argv)
    for name in ("arrays", "carry", "frames", "connect", "caller", "forward", "surface", "callee", "keeper", "driver"):
        path = Path(standin.__file__).with_name(f"{name}.py")
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
