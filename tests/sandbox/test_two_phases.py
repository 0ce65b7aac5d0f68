"""The second phase alone reports, sees what passed to it and its private files, and nothing of the target."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox.spec import Limits, Measurement, Score, TrialSpec

from .conftest import Lab, freeze

_WRITE = "import os\nos.makedirs('out', exist_ok=True)\nopen('out/answer.txt', 'w').write('0.25')\n"
_JUDGE = "print('score:', float(open('out/answer.txt').read()))"
_CODE = ("Extra.pm", "a.so.1", "run.sh", "x.mjs", "package.json", "conftest.py", "Makefile", ".bashrc", "pytest.ini")


def two_phases(lab: Lab, code: str, judge: str = _JUDGE, **changes: Any) -> TrialSpec:
    """A trial whose target is `code`; `judge` runs then."""
    spec = lab.spec(code, metrics=("score",))
    score = Score(
        argv=(spec.argv[0], "-B", "-c", judge),
        env={},
        readable=spec.readable,
        private="",
        artifacts=("out",),
        network=False,
        secrets=(),
        log=f"{lab.log}-score",
        total_seconds=60.0,
    )
    return replace(spec, score=replace(score, **changes))


def judged(lab: Lab, code: str, judge: str = _JUDGE, **changes: Any) -> Measurement:
    return lab.measure(two_phases(lab, code, judge, **changes))


def score_log(lab: Lab) -> str:
    return Path(f"{lab.log}-score").read_text(encoding="utf-8")


def test_the_score_is_that_of_the_artifact(lab: Lab) -> None:
    run = judged(lab, _WRITE)
    assert (run.outcome, run.reason, dict(run.metrics), run.notes) == ("ok", "", {"score": 0.25}, ())
    assert lab.leftovers() == []


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize(
    "forgery",
    [
        "print('score: 999')",
        "import json, os\njson.dump({'score': 999}, open(os.environ['REFEREE_METRICS'], 'w'))",
        "import os\nopen(os.environ['REFEREE_RESULTS'] + '/reward.json', 'w').write('{\"score\": 999}')",
        "import os\nos.write(1, b'score: 999\\n')\nos._exit(0)",
    ],
)
def test_the_first_phase_cannot_report(lab: Lab, forgery: str) -> None:
    run = judged(lab, f"{_WRITE}{forgery}\n")
    assert dict(run.metrics) == ({"score": 0.25} if run.outcome == "ok" else {})
    assert run.metrics.get("score") != 999


def test_a_first_phase_that_fails_is_not_scored(lab: Lab) -> None:
    run = judged(lab, f"{_WRITE}raise SystemExit(3)\n")
    assert (run.outcome, run.reason) == ("crash", "the command ended with exit code 3")
    assert not os.path.exists(f"{lab.log}-score")


@pytest.mark.promise("earned keep")
def test_the_target_and_all_else_that_the_first_phase_left_do_not_exist_for_the_second(lab: Lab) -> None:
    code = f"{_WRITE}open('sitecustomize.py', 'w').write('raise SystemExit')\nopen('{{0}}/x', 'w').write('x')\n"
    code = code.replace("{0}", "' + os.environ['HOME'] + '")
    judge = (
        "import os\nfound = sorted(os.listdir('.')) + os.listdir(os.environ['HOME'])\nprint(found)\n"
        "print('score:', float(found == ['data', 'lib', 'out', 'prepare.py']))"
    )
    assert judged(lab, code, judge).metrics == {"score": 1.0}, score_log(lab)


@pytest.mark.promise("confined trial")
def test_private_files_exist_for_the_second_phase_alone(lab: Lab) -> None:
    freeze(lab.base / "state" / "private", {"data/truth.csv": "0.25\n"})
    code = f"{_WRITE}print(os.listdir('data'))\nraise SystemExit(os.path.exists('data/truth.csv'))\n"
    judge = "print('score:', float(open('data/truth.csv').read() == open('out/answer.txt').read() + '\\n'))"
    run = judged(lab, code, judge, private=str(lab.base / "state" / "private"))
    assert (run.outcome, dict(run.metrics)) == ("ok", {"score": 1.0}), run.reason
    assert "labels.csv" in lab.said()
    assert "truth" not in lab.said()


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        ("os.symlink('/etc/passwd', 'out/answer.txt')", "score phase: out/answer.txt is a link, expected a plain file"),
        ("os.symlink('/etc', 'out/etc')", "out/etc is a link, expected a plain file"),
        ("os.mkfifo('out/pipe')", "out/pipe is something special, expected"),
        ("open('a', 'w').close(); os.link('a', 'out/b')", "out/b is a file with a second name, expected"),
        ("open('out/prepare.py', 'w').close()", "out/prepare.py is code, expected data"),
        ("open('out/fast.SO', 'w').close()", "out/fast.SO is code"),
        *((f"open('out/{name}', 'w').close()", f"out/{name} is code") for name in _CODE),
        ("open('out/tool', 'w').write('#!/bin/sh')", "out/tool is code"),
        ("open('out/tool', 'wb').write(b'\\x7fELF')", "out/tool is code"),
        (r"open('out/a\nb', 'w').close()", "has a name that is too long or no plain text"),
        (r"open(b'out/x\xff.txt', 'w').close()", "has a name that is too long or no plain text"),
        ("open('out/big', 'w').truncate(10**7)", "up to out/big they are 10.0 MB, at most 1.0 MB may pass"),
        ("[open(f'out/{n}', 'w').close() for n in range(9)]", "there are more than 8 files"),
        ("os.makedirs('/'.join(['out'] + ['d'] * 60))", "is nested more than 50 folders deep"),
        ("os.rmdir('out')", "out is not there, or is empty"),
        ("os.rmdir('out'); os.symlink('data', 'out')", "out is a link, expected a plain file"),
    ],
)
def test_what_cannot_pass_is_a_crash_that_names_it(lab: Lab, leave: str, reason: str) -> None:
    code = f"import os\nos.mkdir('out')\n{leave}\n"
    run = judged(lab, code, artifact_bytes=10**6, artifact_files=8)
    assert run.outcome == "crash"
    assert reason in run.reason
    assert not os.path.exists(f"{lab.log}-score")
    assert lab.leftovers() == []


def test_closed_folders_and_files_pass(lab: Lab) -> None:
    run = judged(lab, f"{_WRITE}os.chmod('out/answer.txt', 0)\nos.chmod('out', 0)\n")
    assert dict(run.metrics) == {"score": 0.25}


def test_a_frozen_file_below_a_declared_folder_is_the_frozen_one(lab: Lab) -> None:
    code = "open('data/answer.txt', 'w').write('1')\n"
    judge = (
        "print('score:', float(open('data/labels.csv').read() == '1,2,3\\n' and open('data/answer.txt').read() == '1'))"
    )
    assert dict(judged(lab, code, judge, artifacts=("data",)).metrics) == {"score": 1.0}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.pt", "b'weights'"),
        ("answer.bin", "__import__('pickle').dumps({'a': 1})"),
        ("answer.npy", "b'\\x93NUMPY\\x01\\x00v\\x00' + b\"{'descr': '|O', 'fortran_order': False}\""),
    ],
)
def test_an_artifact_that_can_execute_code_when_loaded_is_noted(lab: Lab, name: str, content: str) -> None:
    run = judged(lab, f"{_WRITE}open('out/{name}', 'wb').write({content})\n")
    assert run.notes == (f"artifact out/{name} is of a kind that can execute code when it is loaded",)


def test_an_artifact_cannot_be_executed(lab: Lab) -> None:
    code = f"{_WRITE}open('out/run', 'w').write('echo hello')\nos.chmod('out/run', 0o777)\n"
    judge = "import os\nprint('score:', oct(os.stat('out/run').st_mode)[-3:])"
    assert dict(judged(lab, code, judge).metrics) == {"score": 444}


def test_a_second_phase_that_fails_is_named_and_time_is_added(lab: Lab) -> None:
    run = judged(lab, _WRITE, "raise SystemExit(4)")
    assert (run.outcome, run.reason) == ("crash", "score phase: the command ended with exit code 4")


def test_both_phases_together_keep_to_the_time_that_is_left(lab: Lab) -> None:
    run = judged(lab, _WRITE, "import time\ntime.sleep(60)", total_seconds=1.5)
    assert run.outcome == "timeout"
    assert run.seconds < 1.5 + 5


def test_time_and_memory_as_metrics_are_those_of_the_target(lab: Lab) -> None:
    spec = two_phases(lab, _WRITE, f"{_JUDGE}\nkept = b'x' * 300_000_000\nimport time\ntime.sleep(0.5)")
    spec = replace(spec, metrics=("score", "wall_seconds", "peak_memory_gb"), limits=Limits(wall_seconds=30))
    run = lab.measure(spec)
    assert run.outcome == "ok", run.reason
    assert run.metrics["wall_seconds"] <= run.seconds - 0.5
    assert run.metrics["peak_memory_gb"] < 0.2 < run.peak_memory_bytes / 1e9


@pytest.mark.promise("confined trial")
def test_a_secret_does_not_stay_in_the_log_of_the_phase_that_has_it(lab: Lab) -> None:
    judge = f"import os\nprint('key is', os.environ['KEY'])\n{_JUDGE}"
    run = judged(lab, f"{_WRITE}print(sorted(os.environ))\n", judge, env={"KEY": "hunter2"}, secrets=("hunter2",))
    assert run.outcome == "ok", run.reason
    assert "KEY" not in lab.said()
    assert "key is [secret]" in score_log(lab)


@pytest.mark.promise("confined trial")
def test_nothing_of_the_first_phase_lives_when_the_second_begins(lab: Lab) -> None:
    daemon = f"{_WRITE}if os.fork() == 0:\n    os.setsid()\n    import time\n    time.sleep(30)\n"
    # Whose command line holds the word can be seen by every user; the judge's own does not, as it puts it together.
    judge = """
import glob
def told(path):
    try:
        return open(path).read()
    except OSError:
        return ''
print('score:', float(any('HALF' + 'OTHER' in told(path) for path in glob.glob('/proc/[0-9]*/cmdline'))))
""".replace("HALF", lab.token[:12]).replace("OTHER", lab.token[12:])
    spec = two_phases(lab, daemon, judge)
    assert dict(lab.measure(replace(spec, argv=(*spec.argv, lab.token))).metrics) == {"score": 0.0}


@pytest.mark.promise("confined trial")
def test_a_secret_does_not_stay_in_the_reason_or_a_name(lab: Lab) -> None:
    judge = "import os\nprint('score:', '401: invalid key', os.environ['KEY'])\nprint(os.environ['KEY'] + ': 1')"
    run = judged(lab, _WRITE, judge, env={"KEY": "hunter2hunter2"}, secrets=("hunter2hunter2",))
    assert run.outcome == "crash"
    assert "hunter2" not in f"{run}"


def test_many_notes_are_cut(lab: Lab) -> None:
    code = f"{_WRITE}[open(f'out/{{n}}.pkl', 'w').close() for n in range(50)]\n"
    assert len(judged(lab, code).notes) == 4
