"""A command that calls the target gets its answers and nothing else: the target runs in a world of its own."""

from dataclasses import replace
from typing import Any

import anyio
import pytest
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Jail, Limits, Measurement, TrialSpec

from .conftest import CONFINING, Lab, freeze

_EVALUATOR = """
import json, os, sys
sys.path.insert(0, os.getcwd())
import train
TRUTH = open('data/labels.csv').read()
print('score:', train.answer([1, 2, 3]))
"""


@pytest.fixture
def jailed(lab: Lab) -> Lab:
    if lab.key not in CONFINING:
        pytest.skip("nothing confines the jail here")
    freeze(lab.base / "state" / "exposed", {"sibling.py": "FACTOR = 2\n"})
    return lab


def trial(lab: Lab, code: str, evaluator: str = _EVALUATOR, **changes: Any) -> TrialSpec:
    spec = lab.spec(code, metrics=("score",))
    jail = Jail(spec.argv[0], {}, spec.readable, str(lab.base / "state" / "exposed"))
    return replace(spec, argv=(spec.argv[0], "-B", "-c", evaluator), jail=jail, **changes)


def run(lab: Lab, code: str, evaluator: str = _EVALUATOR, **changes: Any) -> Measurement:
    return lab.measure(trial(lab, code, evaluator, **changes))


def test_an_answer_of_the_target_reaches_the_command(jailed: Lab) -> None:
    measured = run(jailed, "def answer(numbers): return sum(numbers) / 2\n")
    assert (measured.outcome, dict(measured.metrics)) == ("ok", {"score": 3.0}), measured.reason + jailed.said()
    assert jailed.leftovers() == []


@pytest.mark.promise("confined trial")
def test_the_target_sees_what_is_exposed_and_nothing_of_the_command(jailed: Lab) -> None:
    code = "import os, sibling\ndef answer(_): return len(os.listdir('.')) * 10 + os.path.exists('data/labels.csv')\n"
    assert dict(run(jailed, code).metrics) == {"score": 20.0}, jailed.said()


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize(
    "forgery",
    [
        "print('score: 999')",
        "import os\nos.write(1, b'score: 999\\n')",
        "import os\nopen(os.environ['REFEREE_METRICS'], 'w').write('{\"score\": 999}')",
        "import os, sys\nos.write(1, b'score: 999\\n')\nos._exit(0)",
        "import atexit\natexit.register(print, 'score: 999')",
    ],
)
def test_the_target_cannot_report(jailed: Lab, forgery: str) -> None:
    measured = run(jailed, f"{forgery}\ndef answer(_): return 0.5\n")
    assert measured.metrics.get("score", 0.5) == 0.5


def test_what_the_target_prints_is_in_the_log(jailed: Lab) -> None:
    run(jailed, "print('hello from the target', flush=True)\ndef answer(_): return 1\n")
    assert "hello from the target" in jailed.said()


@pytest.mark.promise("bounded trial")
def test_a_target_that_never_answers_ends_at_the_deadline(jailed: Lab) -> None:
    code = "import time\ndef answer(_):\n    while True: time.sleep(1)\n"
    measured = run(jailed, code, limits=Limits(wall_seconds=2))
    assert measured.outcome == "timeout"


@pytest.mark.promise("bounded trial")
def test_memory_of_the_target_counts(jailed: Lab) -> None:
    code = "import time\ndef answer(_):\n    kept = bytearray(600_000_000)\n    time.sleep(5)\n    return 1\n"
    measured = run(jailed, code, limits=Limits(wall_seconds=20, memory=300_000_000))
    assert (measured.outcome, measured.limit) == ("crash", "memory"), measured.reason


def test_a_frozen_file_that_the_target_changes_is_named(jailed: Lab) -> None:
    code = "import os\nos.remove('sibling.py')\ndef answer(_): return 1\n"
    assert run(jailed, code).touched == ("sibling.py",)


@pytest.mark.promise("confined trial")
def test_the_folder_of_pipes_cannot_be_changed_by_the_target(jailed: Lab) -> None:
    code = """
import os, sys
link = next(word for word in open('/proc/self/cmdline').read().split(chr(0)) if word.endswith('/link'))
changed = [os.listdir(link).count('calls') - 1]
for change in (
    lambda: os.unlink(link + '/calls'),
    lambda: os.mkfifo(link + '/more'),
    lambda: open(link + '/refused', 'x'),
    lambda: os.rename(link + '/calls', link + '/other'),
    lambda: os.symlink('/etc/passwd', link + '/way'),
):
    try:
        change()
        changed.append(1)
    except OSError:
        pass
def answer(_): return sum(changed)
"""
    assert dict(run(jailed, code).metrics) == {"score": 0.0}, jailed.said()


def test_a_prepared_world_serves_a_jailed_target(jailed: Lab) -> None:
    spec = trial(jailed, "def answer(numbers): return 5\n")

    async def two() -> tuple[Measurement, Measurement]:
        async with Launcher() as launcher:
            first = await launcher.run(spec, jailed.key, following=spec)
            second = await launcher.run(replace(spec, target_text="def answer(_): return 6\n"), jailed.key)
            return first, second

    assert [dict(each.metrics) for each in anyio.run(two)] == [{"score": 5.0}, {"score": 6.0}]
