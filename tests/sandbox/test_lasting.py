"""Files that outlast a trial: plain ones that it wrote, whole or not at all, and only if it ended well."""

from dataclasses import replace
from pathlib import Path

import pytest
from referee.sandbox.spec import Measurement, Retain

from .conftest import Lab
from .test_two_phases import two_phases

_MODEL = "import os\nos.makedirs('out/deep', exist_ok=True)\nopen('out/deep/model.pt', 'w').write('weights')\n"


def into(lab: Lab) -> Path:
    return lab.base / "state" / "retaining" / "1"


def retaining(lab: Lab, code: str, *paths: str, most_bytes: int = 10**6) -> Measurement:
    return lab.run(code, retain=Retain(paths or ("out",), str(into(lab)), most_bytes))


def held(lab: Lab) -> dict[str, str]:
    """What was copied, by path."""
    files = (path for path in into(lab).rglob("*") if path.is_file())
    return {str(path.relative_to(into(lab))): path.read_text(encoding="utf-8") for path in files}


def test_what_a_good_run_left_is_copied_and_what_lay_there_before_is_gone(lab: Lab) -> None:
    into(lab).mkdir(parents=True)
    (into(lab) / "old").touch()
    code = f"{_MODEL}open('out/code.py', 'w').write('x = 1')\nos.chmod('out/deep', 0)\n"
    run = retaining(lab, code)
    assert (run.outcome, run.notes) == ("ok", ())
    assert held(lab) == {"out/deep/model.pt": "weights", "out/code.py": "x = 1"}
    assert lab.leftovers() == []


def test_a_run_that_fails_leaves_nothing(lab: Lab) -> None:
    assert retaining(lab, f"{_MODEL}raise SystemExit(3)\n").outcome == "crash"
    assert not into(lab).exists()


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("os.symlink('/etc/passwd', 'out/link')", "out/link is a link, expected a plain file of its own"),
        ("os.symlink('data', 'more')", "more is a link, expected a folder"),
        ("os.link('out/deep/model.pt', 'out/second')", "out/deep/model.pt is a file with a second name"),
        ("os.mkfifo('out/pipe')", "out/pipe is something special, expected a plain file of its own"),
        ("open('out/a\\nReferee-Artifact: x', 'w')", "'out/a\\nReferee-Artifact: x' has a name that is too"),
        ("open('out/big', 'w').truncate(10**9)", "with out it would be 1.00 GB; evaluate.retain.max is 1.0 MB"),
        ("[open(f'out/{n}', 'w') for n in range(1000)]", "with out it would be 1001 files; at most 1000 are"),
    ],
)
def test_a_declared_path_that_cannot_be_copied_whole_is_not_copied_and_said(lab: Lab, left: str, said: str) -> None:
    declared = ("more/labels.csv", "train.log") if "more" in left else ("out", "train.log")
    run = retaining(lab, f"{_MODEL}open('train.log', 'w').write('epoch 1')\n{left}\n", *declared)
    assert run.outcome == "ok", run.reason
    assert len(run.notes) == 1
    assert run.notes[0].startswith("not retained: ")
    assert said in run.notes[0]
    assert held(lab) == {"train.log": "epoch 1"}


def test_neither_the_target_nor_a_frozen_file_is_copied(lab: Lab) -> None:
    run = retaining(lab, "print(1)\n", "train.py", "data/labels.csv", "lib")
    assert held(lab) == {}
    assert [note.rpartition(" ")[2] for note in run.notes] == ["train.py", "data/labels.csv", "lib"]


def test_what_passes_to_the_score_phase_is_copied_as_the_run_left_it(lab: Lab) -> None:
    code = "import os\nos.makedirs('out')\nopen('out/answer.txt', 'w').write('0.25')\n"
    spec = two_phases(lab, code, "print('score: 1')")
    run = lab.measure(replace(spec, retain=Retain(("out",), str(into(lab)), 10**6)))
    assert (run.outcome, dict(run.metrics)) == ("ok", {"score": 1.0}), run.reason
    assert held(lab) == {"out/answer.txt": "0.25"}


def test_a_trial_whose_score_phase_fails_leaves_nothing(lab: Lab) -> None:
    code = "import os\nos.makedirs('out')\nopen('out/answer.txt', 'w').write('0.25')\n"
    spec = two_phases(lab, code, "raise SystemExit(3)")
    assert lab.measure(replace(spec, retain=Retain(("out",), str(into(lab)), 10**6))).outcome == "crash"
    assert not into(lab).exists()
