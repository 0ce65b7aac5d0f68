"""Sealed: the number comes from a phase in which no code of the target runs, and the target cannot change it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forgeries import FORGERIES, HONEST, TRUE_SCORE
from tests.sessions import home_of, records, referee

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]

_JUDGE = """
import math
from helper import scored

print("score:", scored(open("out/answer.txt").read()))
print("told:", open("labels/truth.txt").read())
raise SystemExit(not math.isfinite(scored(open("out/answer.txt").read())))
"""
_HELPER = "def scored(text):\n    return float(text)\n"
_PROGRAM = """\
---
target: train.py
evaluate: {command: python3 -B train.py, score: python3 judge.py, artifacts: [out/], timeout: 30s}
metrics: {score: {goal: maximize}}
sandbox: {private: [labels/]}
---
"""
SEALED = {
    "program.md": _PROGRAM,
    "train.py": HONEST,
    "judge.py": _JUDGE,
    "helper.py": _HELPER,
    "labels/truth.txt": "999",
    "run.sh": "",
}


@pytest.fixture
def sealed(make_project: MakeProject) -> Path:
    """A project with private labels, whose honest target scores 0.25."""
    return make_project(SEALED)


async def test_a_whole_session(connect: Any, sealed: Path) -> None:
    async with connect(sealed) as agent:
        baseline = await agent("run_eval", description="baseline")
        kept = await agent("run_trial", description="better", content=HONEST.replace("0.25", "0.5"))
    assert (baseline["metrics"], kept["metrics"], kept["decision"]) == ({"score": 0.25}, {"score": 0.5}, "keep")
    assert "Integrity: sealed" in (await _program(connect, sealed))
    opened = records(sealed)[0].data
    assert (opened["integrity"], opened["private"]) == ("sealed", ["labels", "labels/truth.txt"])


async def _program(connect: Any, project: Path) -> str:
    async with connect(project) as agent:
        return str((await agent("read_program"))["text"])


@pytest.mark.slow
@pytest.mark.promise("earned keep")
async def test_no_forgery_changes_the_score(connect: Any, sealed: Path) -> None:
    paid: dict[str, object] = {}
    async with connect(sealed) as agent:
        for name, forgery in FORGERIES.items():
            answer = await agent("run_trial", description=name, content=f"{HONEST}{forgery}\n")
            if answer["decision"] == "keep" or answer["metrics"].get("score", TRUE_SCORE) != TRUE_SCORE:
                paid[name] = answer["metrics"]
        honest = await agent("run_trial", description="honest", content=HONEST.replace("0.25", "0.26"))
    assert paid == {}
    assert honest["decision"] == "keep"


@pytest.mark.promise("confined trial")
async def test_what_is_private_is_in_no_reader_and_no_log(connect: Any, sealed: Path) -> None:
    look = "import glob\nprint('seen', glob.glob('**/truth*', recursive=True), os.path.exists('labels'))\n"
    async with connect(sealed) as agent:
        listing = (await agent("read_file"))["text"]
        refusal = await agent.refused("read_file", path="labels/truth.txt")
        await agent("run_trial", description="look for it", content=f"{HONEST}{look}raise ValueError('0.25 999')\n")
        log = await agent("read_log", tail_lines=100)
    assert "labels" not in listing
    assert "no readable file" in refusal
    assert "999" not in log["text"]
    assert "ValueError at train.py line 6" in log["text"]
    said = (home_of(sealed) / "logs" / "1.log").read_text()
    assert "seen [] False" in said


async def test_the_person_sees_the_whole_log_of_both_phases(connect: Any, sealed: Path) -> None:
    async with connect(sealed) as agent:
        await agent("run_eval", description="baseline")
    assert "told: 999" in (home_of(sealed) / "logs" / "0.score.log").read_text()


@pytest.mark.promise("frozen judge")
async def test_a_private_file_changed_in_the_state_is_named_and_put_back(connect: Any, sealed: Path) -> None:
    async with connect(sealed) as agent:
        await agent("run_eval", description="baseline")
        place = home_of(sealed) / "private" / "labels" / "truth.txt"
        os.chmod(place, 0o644)
        place.write_text("1")
        await agent("run_trial", description="next", content=HONEST.replace("0.25", "0.5"))
        assert place.read_text() == "999"
    found = [record.data["what"] for record in records(sealed) if record.kind == "interference"]
    assert any("labels/truth.txt" in what for what in found)


async def test_data_as_a_target_is_sealed_with_one_phase(connect: Any, make_project: MakeProject) -> None:
    front = (
        "---\ntarget: {path: prompt.md, kind: data}\n"
        "evaluate: {command: python3 judge.py, timeout: 20s}\nmetrics: {score: maximize}\n"
        "sandbox: {private: [labels/]}\n---\n"
    )
    judge = "print('score:', len(set(open('prompt.md').read()) & set(open('labels/truth.txt').read())))\n"
    files = {"program.md": front, "prompt.md": "ab\n", "judge.py": judge, "labels/truth.txt": "abcd", "run.sh": ""}
    async with connect(make_project(files)) as agent:
        baseline = await agent("run_eval", description="baseline")
        kept = await agent("run_trial", description="more", content="abc\n")
        program = await agent("read_program")
    assert (baseline["metrics"], kept["metrics"], kept["decision"]) == ({"score": 2.0}, {"score": 3.0}, "keep")
    assert "Integrity: sealed" in program["text"]


async def test_data_that_the_command_executes_is_refused(connect: Any, make_project: MakeProject) -> None:
    front = (
        "---\ntarget: {path: steps.txt, kind: data}\n"
        "evaluate: {command: sh steps.txt, timeout: 20s}\nmetrics: {score: maximize}\n---\n"
    )
    async with connect(make_project({"program.md": front, "steps.txt": "echo score: 1\n", "run.sh": ""})) as agent:
        refusal = await agent.refused("run_eval", description="baseline")
    assert "evaluate.command names steps.txt in 'steps.txt' before any frozen file that would read it" in refusal


async def test_time_and_memory_can_be_the_metric(connect: Any, make_project: MakeProject) -> None:
    front = (
        "---\ntarget: run.sh\nevaluate: {command: sh run.sh, timeout: 20s}\nmetrics: {wall_seconds: minimize}\n---\n"
    )
    project = make_project({"program.md": front, "run.sh": "sleep 0.4\necho wall_seconds: 0.001\n"})
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
        kept = await agent("run_trial", description="do less", content="sleep 0.01\n")
    assert baseline["metrics"]["wall_seconds"] >= 0.4
    assert kept["decision"] == "keep"
    assert records(project)[0].data["integrity"] == "measured"


@pytest.mark.promise("confined trial")
async def test_a_secret_reaches_the_score_phase_alone(
    connect: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "hunter2-hunter2")
    front = _PROGRAM.replace("timeout: 30s", "timeout: 30s, secrets: [JUDGE_KEY]").replace(
        "sandbox: {private: [labels/]}", "feedback: {log: tail}"
    )
    judge = "import os\nprint('key', os.environ['JUDGE_KEY'])\nprint('score:', float(open('out/answer.txt').read()))\n"
    project = make_project(SEALED | {"program.md": front, "judge.py": judge})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        content = f"{HONEST}print('mine', os.environ.get('JUDGE_KEY'))\nraise SystemExit(3)\n"
        await agent("run_trial", description="look for it", content=content)
        said = (await agent("read_log"))["text"] + (await agent("read_log", trial=0))["text"]
    assert "mine None" in said
    assert "key [secret]" in said
    held = b"".join(path.read_bytes() for path in home_of(project).rglob("*") if path.is_file())
    assert b"hunter2" not in held


async def test_metrics_are_shown_with_as_many_digits_as_the_contract_says(
    connect: Any, make_project: MakeProject
) -> None:
    front = _PROGRAM.replace("sandbox: {private: [labels/]}", "feedback: {digits: 2}")
    helper = "def scored(text):\n    return float(text) ** 0.5\n"
    project = make_project(SEALED | {"program.md": front, "helper.py": helper})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        answer = await agent("run_trial", description="x", content=HONEST.replace("0.25", "0.6"))
        results = await agent("read_results")
    assert answer["metrics"] == {"score": 0.77}
    leaks = {k: v for k, v in {**answer, **results}.items() if "0.774" in str(v)}
    assert leaks == {}
    assert "0.7745966" in (project / "results.tsv").read_text()


_SAYS_WHY = """
import json, os

truth = open("labels/truth.txt").read()
answer = float(open("out/answer.txt").read())
if answer == 0.5:
    said = {"correct": False, "error": f"row 1: expected label {truth}"}
    json.dump(said, open(os.environ["REFEREE_RESULTS"] + "/correct.json", "w"))
elif answer == 0.6:
    print("score:", f"mismatch, truth is {truth}")
elif answer == 0.7:
    print("score: 1\\nscore:", truth)
else:
    print("score:", answer)
"""


@pytest.mark.promise("confined trial")
@pytest.mark.parametrize("feedback", ["", "feedback: {log: none}\n"])
async def test_private_words_in_a_reason_are_for_people_alone(
    connect: Any, make_project: MakeProject, feedback: str
) -> None:
    program = _PROGRAM.rstrip().removesuffix("---") + f"{feedback}---\n"
    project = make_project(SEALED | {"program.md": program, "judge.py": _SAYS_WHY, "labels/truth.txt": "73194"})
    said: list[str] = []
    async with connect(project) as agent:
        changed = [HONEST.replace("0.25", answer) for answer in ("0.5", "0.6", "0.7")]
        said += [str(await agent("run_trial", description="x", content=content)) for content in changed]
        await agent("edit_target", content=HONEST.replace("0.25", "0.5") + "\n")
        said.append(str(await agent("run_eval", description="one by one")))
        said += [await agent.refused("keep"), str(await agent("revert")), str(await agent("append_result"))]
        said += [str(await agent(name)) for name in ("read_results", "read_log", "check_budget", "read_program")]
    assert [text for text in said if "73194" in text] == []
    assert "does not say that the result is correct: '…'" in said[0]
    reasons = [record.data["reason"] for record in records(project) if record.kind == "trial_measured"]
    assert sum("73194" in reason for reason in reasons) == 4
    assert "73194" in referee("show", "1", "--repo", str(project)).stdout


@pytest.mark.promise("confined trial")
async def test_private_words_in_the_reason_of_a_failed_baseline_are_for_people_alone(
    connect: Any, make_project: MakeProject
) -> None:
    files = {"judge.py": _SAYS_WHY, "labels/truth.txt": "73194", "train.py": HONEST.replace("0.25", "0.6")}
    project = make_project(SEALED | files)
    async with connect(project) as agent:
        refusal = await agent.refused("run_eval", description="baseline")
    assert "the baseline failed: " in refusal
    assert "73194" not in refusal
    assert any("73194" in str(record.data.get("reason")) for record in records(project))


@pytest.mark.parametrize(
    ("scored", "whole", "told"),
    [
        ("int(float(text) * 1e7) + 12345", "6012345", 6000000.0),
        ("float(text) * -1.23456733e-7", "40740", -7.4e-08),
    ],
)
async def test_large_and_tiny_numbers_have_no_more_digits_either(
    connect: Any, make_project: MakeProject, scored: str, whole: str, told: float
) -> None:
    front = _PROGRAM.replace("sandbox: {private: [labels/]}", "feedback: {digits: 2}")
    project = make_project(SEALED | {"program.md": front, "helper.py": f"def scored(text):\n    return {scored}\n"})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        answer = await agent("run_trial", description="x", content=HONEST.replace("0.25", "0.6"))
        results = await agent("read_results")
    assert answer["metrics"] == {"score": told}
    assert {key: value for key, value in {**answer, **results}.items() if whole in str(value)} == {}
    assert whole in (project / "results.tsv").read_text()
