"""The hidden score: people get it for baseline and best; no trial, tool or log ever comes near data or result."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forgeries import HONEST
from tests.projects import git
from tests.sessions import home_of, kinds, records, referee

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]

_JUDGE = """
import sys
limit = float(open(sys.argv[1] + '/limit.txt').read())
labels = open('labels/truth.txt').read()
print('score:', min(float(open('out/answer.txt').read()), limit))
"""
_PROGRAM = """\
---
target: train.py
evaluate: {command: python3 -B train.py, score: python3 judge.py public, artifacts: [out/], timeout: 30s}
metrics: {score: maximize}
sandbox: {private: [labels/]}
holdout: {command: python3 judge.py test, private: [test/]}
---
"""
_HIDDEN = "0.375"
PROJECT = {
    "program.md": _PROGRAM,
    "train.py": HONEST,
    "judge.py": _JUDGE,
    "public/limit.txt": "1",
    "labels/truth.txt": "999",
    "test/limit.txt": _HIDDEN,
    "run.sh": "",
}
_DATA = (
    "---\ntarget: {path: prompt.md, kind: data}\n"
    "evaluate: {command: python3 judge.py public.txt, timeout: 20s}\nmetrics: {score: maximize}\n"
    "holdout: {command: python3 judge.py %s, private: [%s]}\n---\n"
)
_COUNT = "import sys\nprint('score:', len(set(open('prompt.md').read()) & set(open(sys.argv[1]).read())))\n"


@pytest.fixture
def hidden(make_project: MakeProject) -> Path:
    """A project whose hidden data know no score above 0.375."""
    return make_project(PROJECT)


async def trained(connect: Any, project: Path) -> None:
    """A session whose best scores 0.5 in public."""
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="better", content=HONEST.replace("0.25", "0.5"))


def taken(project: Path) -> dict[str, Any]:
    """The hidden score, as data."""
    done = referee("holdout", "--repo", str(project), "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


def kept_in(project: Path) -> Path:
    return home_of(project) / "holdout"


async def test_baseline_and_best_are_measured_on_the_hidden_data_beside_their_public_numbers(
    connect: Any, hidden: Path
) -> None:
    await trained(connect, hidden)
    found = taken(hidden)
    assert found["baseline"]["metrics"] == {"score": {"public": 0.25, "hidden": 0.25, "gap": 0.0}}
    assert found["best"]["metrics"] == {"score": {"public": 0.5, "hidden": 0.375, "gap": -0.125}}
    assert (found["baseline"]["trial"], found["best"]["trial"]) == (0, 1)
    told = referee("holdout", "--repo", str(hidden)).stdout
    assert "0.375  -0.125  worse" in told
    assert "gain" in told
    assert sorted(os.listdir(kept_in(hidden))) == ["1.json", "2.json"]


async def test_the_result_is_a_private_file_and_the_journal_holds_its_hash_and_no_number(
    connect: Any, hidden: Path
) -> None:
    await trained(connect, hidden)
    head = records(hidden)[-1].hash
    found = taken(hidden)
    file = kept_in(hidden) / "1.json"
    kept = json.loads(file.read_bytes())
    assert (kept["journal"], found["journaled"]) == (head, True)
    commits = [record.data["commit"] for record in records(hidden) if record.kind == "trial_measured"]
    assert [kept["baseline"]["commit"], kept["best"]["commit"]] == commits
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    last = records(hidden)[-1]
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (last.kind, dict(last.data)) == ("holdout", {"file": "1.json", "sha256": sha256})
    assert _HIDDEN not in (home_of(hidden) / "journal.jsonl").read_text(encoding="utf-8")
    assert referee("audit", "--verify", "--repo", str(hidden)).returncode == 0
    assert "hidden score taken by a person: 1.json" in referee("audit", "--repo", str(hidden)).stdout


@pytest.mark.promise("confined trial")
async def test_hidden_data_are_in_no_trial_no_reader_and_no_log(connect: Any, hidden: Path) -> None:
    look = "import glob\nprint('seen', glob.glob('**/limit*', recursive=True), os.path.exists('test'))\n"
    judge = _JUDGE + "import glob\nprint('judge saw', glob.glob('**/limit*', recursive=True))\n"
    (hidden / "judge.py").write_text(judge, encoding="utf-8")
    git(hidden, "commit", "--all", "--quiet", "--message", "Look around")
    async with connect(hidden) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="look for it", content=HONEST.replace("0.25", "0.5") + look)
        assert taken(hidden)["best"]["outcome"] == "ok"
        listing = (await agent("read_file"))["text"]
        refusal = await agent.refused("read_file", path="test/limit.txt")
        program = (await agent("read_program"))["text"]
    assert "judge.py" in listing
    assert "test" not in listing
    assert "no readable file" in refusal
    assert "test" not in program
    logs = home_of(hidden) / "logs"
    assert "seen ['public/limit.txt'] False" in (logs / "1.log").read_text(encoding="utf-8")
    assert "judge saw ['public/limit.txt']" in (logs / "1.score.log").read_text(encoding="utf-8")
    holding = [path for path in home_of(hidden).rglob("*") if path.is_file() and _HIDDEN.encode() in path.read_bytes()]
    assert holding == [kept_in(hidden) / "1.json"]
    assert not (home_of(hidden).parent / ".holdout").exists()


@pytest.mark.promise("confined trial")
async def test_no_tool_and_no_trial_reaches_the_result(connect: Any, hidden: Path) -> None:
    await trained(connect, hidden)
    taken(hidden)
    look = f"print('found', os.path.exists({str(kept_in(hidden))!r}))\n"
    async with connect(hidden) as agent:
        calls: list[tuple[str, dict[str, Any]]] = [
            ("read_program", {}),
            ("read_file", {}),
            ("read_target", {}),
            ("read_results", {}),
            ("read_log", {}),
            ("check_budget", {}),
            ("run_trial", {"description": "look", "content": HONEST + look}),
            ("read_log", {"tail_lines": 100}),
        ]
        answers = [json.dumps(await agent(tool, **arguments)) for tool, arguments in calls]
        names = [tool.name for tool in (await agent.client.list_tools()).tools]
    assert not any(_HIDDEN in answer or "1.json" in answer for answer in answers)
    assert not any("holdout" in name for name in names)
    assert "found False" in (home_of(hidden) / "logs" / "2.log").read_text(encoding="utf-8")


async def test_it_works_beside_a_server_and_leaves_its_journal_alone(connect: Any, hidden: Path) -> None:
    async with connect(hidden) as agent:
        await agent("run_eval", description="baseline")
        before = kinds(hidden)
        found = taken(hidden)
        assert kinds(hidden) == before
        kept = await agent("run_trial", description="better", content=HONEST.replace("0.25", "0.5"))
    assert (found["journaled"], kept["decision"]) == (False, "keep")
    assert found["best"] == found["baseline"]


async def test_a_target_that_is_data_is_judged_by_the_hidden_command_in_one_phase(
    connect: Any, make_project: MakeProject
) -> None:
    files = {"prompt.md": "ab\n", "judge.py": _COUNT, "public.txt": "abcd", "test/all.txt": "bxyz", "run.sh": ""}
    project = make_project({"program.md": _DATA % ("test/all.txt", "test/"), **files})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="more", content="abcd\n")
    found = taken(project)
    assert found["baseline"]["metrics"]["score"] == {"public": 2.0, "hidden": 1.0, "gap": -1.0}
    assert found["best"]["metrics"]["score"] == {"public": 4.0, "hidden": 1.0, "gap": -3.0}


async def test_hidden_data_outside_git_are_fingerprinted_and_a_trial_does_not_see_them(
    connect: Any, make_project: MakeProject, tmp_path: Path
) -> None:
    (tmp_path / "apart").mkdir()
    (tmp_path / "apart" / "all.txt").write_text("axyz", encoding="utf-8")
    place = str(tmp_path / "apart")
    judge = _COUNT + f"import os\nprint('apart', os.path.exists({place!r}))\n"
    files = {"prompt.md": "ab\n", "judge.py": judge, "public.txt": "abcd", "run.sh": ""}
    project = make_project({"program.md": _DATA % (f"{place}/all.txt", place), **files})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
    assert "apart False" in (home_of(project) / "logs" / "0.log").read_text(encoding="utf-8")
    found = taken(project)
    assert found["baseline"]["metrics"]["score"]["hidden"] == 1.0
    assert list(found["data"]) == [place]
    (tmp_path / "apart" / "all.txt").write_text("abyz", encoding="utf-8")
    again = taken(project)
    assert again["baseline"]["metrics"]["score"]["hidden"] == 2.0
    assert again["data"] != found["data"]


async def test_a_hidden_command_that_fails_is_told_with_its_log_to_the_person_alone(
    connect: Any, make_project: MakeProject
) -> None:
    project = make_project(PROJECT | {"test/limit.txt": "no number"})
    await trained(connect, project)
    done = referee("holdout", "--repo", str(project))
    assert done.returncode == 1
    assert "Trial 1 gave no hidden number" in done.stdout
    assert "| ValueError: could not convert string to float: 'no number'" in done.stdout
    assert json.loads((kept_in(project) / "1.json").read_bytes())["best"]["metrics"]["score"]["hidden"] is None


async def test_what_a_self_reported_target_would_see_is_refused_with_the_way_out(make_project: MakeProject) -> None:
    front = "---\ntarget: run.sh\nevaluate: {command: sh run.sh}\nmetrics: {loss: minimize}\n%s---\n"
    project = make_project({"program.md": front % "holdout: {command: sh hidden.sh, private: [test/]}\n"})
    done = referee("check", "--repo", str(project))
    assert done.returncode == 1
    assert "key 'holdout': the target's code would run beside the hidden data: add evaluate.score" in done.stderr


async def test_without_the_key_or_a_baseline_the_next_step_is_said(
    connect: Any, make_project: MakeProject, hidden: Path
) -> None:
    project = make_project(name="another")
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
    assert "its contract lacks the key holdout" in referee("holdout", "--repo", str(project)).stderr
    async with connect(hidden) as agent:
        await agent("edit_target", content=HONEST.replace("0.25", "0.5"))
        assert "The first run_eval measures it" in referee("holdout", "--repo", str(hidden)).stderr


@pytest.mark.parametrize(
    ("private", "said"),
    [
        ("labels/", "'labels/' overlaps with 'labels/', which a trial sees"),
        ("out/x", "'out/x' overlaps with 'out', which a trial sees"),
        ("nowhere/", "is neither tracked nor there"),
        ("{absolute}/test", "stands for test, which is tracked under that name"),
        ("link", "stands for test, which is tracked under that name"),
    ],
)
async def test_hidden_paths_that_would_be_seen_or_are_not_there_are_refused(
    make_project: MakeProject, private: str, said: str
) -> None:
    project = make_project(PROJECT)
    (project / "link").symlink_to("test")
    front = _PROGRAM.replace("private: [test/]}", f"private: ['{private.format(absolute=project)}']}}")
    (project / "program.md").write_text(front, encoding="utf-8")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Hide it")
    done = referee("check", "--repo", str(project))
    assert done.returncode == 1
    assert "holdout.private" in done.stderr
    assert said in done.stderr
