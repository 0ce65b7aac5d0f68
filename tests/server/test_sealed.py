"""Sealed: the number comes from a phase in which no code of the target runs, and the target cannot change it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forgeries import FORGERIES, HONEST, TRUE_SCORE
from tests.sessions import home_of, records

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
    assert "evaluate.command executes steps.txt, so it is code" in refusal


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
