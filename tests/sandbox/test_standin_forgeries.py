"""Nothing that a target does in its jail changes what the evaluator computes, beyond what its answers may."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .jailed_pair import Pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    assert made.left() == []


_JUDGE = """
import json
TRUTH = 42.5
def evaluate():
    try:
        import target
        answer = target.solve([1.0, 2.0])
    except Exception:
        return 0.0
    return 1.0 if answer == TRUTH else 0.0
result = evaluate()
print(json.dumps({"score": float(result)}))
"""
_FORGERIES = {
    "fake print and exit": "import os\nos.write(1, b'{\"score\": 1.0}\\n')\nos._exit(0)",
    "atexit": "import atexit\natexit.register(print, '{\"score\": 1.0}')\ndef solve(x): return 0",
    "frame walk": "import sys\ndef solve(x): return sys._getframe(1).f_globals['TRUTH']",
    "sys.modules read": "import sys\ndef solve(x): return sys.modules['__main__'].TRUTH",
    "sys.modules patch": "import sys\nsys.modules['__main__'].TRUTH = 0\ndef solve(x): return 0",
    "gc search": (
        "import gc\ndef solve(x):\n"
        "    return next(d['TRUTH'] for d in gc.get_objects() if type(d) is dict and 'TRUTH' in d)"
    ),
    "builtins patch": "import builtins\nbuiltins.float = lambda x: 1.0\ndef solve(x): return 0",
    "always equal": "class A:\n    def __eq__(self, other): return True\ndef solve(x): return A()",
    "float subclass": "class F(float):\n    def __eq__(self, other): return True\ndef solve(x): return F(0)",
    "ndarray subclass": (
        "import numpy\nclass A(numpy.ndarray):\n    def __eq__(self, other): return True\n"
        "def solve(x): return numpy.zeros(1).view(A)"
    ),
    "json patch": "import json\njson.dumps = lambda x: '{\"score\": 1.0}'\ndef solve(x): return 0",
}


def score(done: subprocess.CompletedProcess[str]) -> float:
    last = done.stdout.strip().splitlines()[-1]
    return float(json.loads(last)["score"])


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize("name", _FORGERIES)
def test_a_forgery_that_pays_in_one_process_does_not_pay_through_the_stand_in(pair: Pair, name: str) -> None:
    pair.lay(_FORGERIES[name])
    assert score(pair.evaluate(_JUDGE)) == 0.0
    beside = pair.base / "direct"
    beside.mkdir()
    (beside / "target.py").write_text(_FORGERIES[name], encoding="utf-8")
    direct = [sys.executable, "-B", "-c", _JUDGE]
    assert score(subprocess.run(direct, cwd=beside, capture_output=True, text=True, check=False)) == 1.0


_HOSTILE = """
import gc, os, struct, sys, time
pipe = next(each for each in gc.get_objects() if type(each).__name__ == "Pipe")
carry = next(each for name, each in sys.modules.items() if name.endswith(".carry"))
os.set_blocking(pipe.writer, True)
def raw(body): os.write(pipe.writer, struct.pack("<Q", len(body)) + body)
def say(*message): raw(carry.encode(message, lambda value: None))
def eight(number): return struct.pack("<Q", number)
class Evil:
    def __reduce__(self): return os.system, ("touch {marker}",)
def solve(xs):
    {attack}
    return 0.0
"""
_ATTACKS = [
    "raw(__import__('pickle').dumps(Evil()))",
    "return Evil()",
    "os.write(pipe.writer, eight(2 ** 40))",
    "os.write(pipe.writer, eight(2 ** 64 - 1) + b'x' * 1000)",
    "raw((b'l' + eight(1)) * 100_000 + b'n')",
    "raw(b'l' + eight(2 ** 63) + b'n' * 1000)",
    "raw(b't' + eight(3) + carry.encode('answer', None) + carry.encode(1, None) + b'as' + eight(2) + b'|O')",
    "say('answer', 999, 42.5)",
    "say('answer', 0, 42.5)",
    "say('answer', 42.5)",
    "say('answer')",
    "say('ready', [('TRUTH', 'data', 0.0)])",
    "say('error', 1, 'SystemExit', '0')",
    "say('error', 1, '__import__', 'os')",
    "say('error', 1, 'KeyboardInterrupt', '')",
    "say('ask', 1, 0, (), {})",
    "say('ask', 1, -1, (), {})",
    "say('ended', 0)",
    "say(42.5)",
    "say()",
    "raw(b'')",
    "raw(b'rt' + eight(1) + carry.encode('', None))",
    "os.write(pipe.writer, eight(100)); os._exit(0)",
    "os.close(pipe.writer); os.close(pipe.reader); os.kill(os.getpid(), 9)",
]


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize("attack", _ATTACKS)
def test_a_target_that_speaks_the_protocol_itself_gains_nothing(pair: Pair, attack: str) -> None:
    marker = pair.base / "marker"
    pair.lay(_HOSTILE.replace("{marker}", str(marker)).replace("{attack}", attack))
    done = pair.evaluate(_JUDGE)
    assert (score(done), done.stderr) == (0.0, "")
    assert not marker.exists()


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize(
    "entry",
    [
        "('__builtins__', 'data', {})",
        "('__getattr__', 'function', None)",
        "('a b', 'data', 1)",
        "('x', 'module', None)",
        "('x', 'class', None)",
        "('x',)",
        "7",
    ],
)
def test_a_list_of_names_that_is_none_is_refused(pair: Pair, entry: str) -> None:
    pair.lay(_HOSTILE.replace("{attack}", "pass") + f"\nsay('ready', [{entry}])\ntime.sleep(60)\n")
    done = pair.evaluate("import target")
    assert "MalformedError: the target's process sent" in done.stderr


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize("name", ["evaluate", "LIMIT", "json"])
def test_a_target_replaces_no_name_of_an_evaluator_that_executes_it_in_its_own_namespace(pair: Pair, name: str) -> None:
    pair.lay(f"{name} = 1\n")
    code = "import json\nLIMIT = 3\ndef evaluate(): pass\nexec(open('target.py').read())"
    assert f"the target defines {name}, a name that the evaluator has itself" in pair.evaluate(code).stderr


@pytest.mark.promise("earned keep")
def test_importing_every_name_of_the_target_is_refused(pair: Pair) -> None:
    pair.lay("class json:\n    def dumps(x): return '1'\n")
    sentence = "'import *' of the target could replace any name of the evaluator"
    assert f"TypeError: {sentence}" in pair.evaluate("import json\nfrom target import *").stderr
    assert sentence in (pair.link / "refused").read_text(encoding="utf-8")


@pytest.mark.promise("earned keep")
def test_a_target_cannot_quietly_end_a_loop_of_the_evaluator(pair: Pair) -> None:
    pair.lay("def solve(x): raise StopIteration('now')\n")
    done = pair.evaluate("import target\nprint(list(map(target.solve, [1])))")
    assert (done.stdout, "RuntimeError: StopIteration: now" in done.stderr) == ("", True)


_SWAP = """
import os, sys
link, victim, ending, how = sys.argv[1:]
with open(link + "/calls") as calls:
    token = calls.readline().strip()
path = f"{link}/{token}.{ending}"
os.unlink(path)
os.symlink(victim, path) if how == "link" else open(path, "w").close()
"""


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize("how", ["link", "file"])
def test_a_pipe_that_was_replaced_is_not_opened(pair: Pair, how: str) -> None:
    pair.lay("x = 1", start_seconds=20.0)
    victim = pair.base / "victim"
    victim.write_text("kept", encoding="utf-8")
    argv = (sys.executable, "-c", _SWAP, str(pair.link), str(victim), "to", how)
    done = pair.evaluate("import target", argv)
    assert "is no named pipe" in done.stderr or "Too many levels of symbolic links" in done.stderr
    assert victim.read_text(encoding="utf-8") == "kept"


@pytest.mark.promise("earned keep")
def test_calls_that_is_a_link_is_not_written(pair: Pair) -> None:
    pair.lay("x = 1", start_seconds=5.0)
    victim = pair.base / "victim"
    victim.write_text("kept", encoding="utf-8")
    (pair.link / "calls").unlink()
    (pair.link / "calls").symlink_to(victim)
    assert pair.evaluate("import target", (sys.executable, "-c", "pass")).returncode == 1
    assert victim.read_text(encoding="utf-8") == "kept"
