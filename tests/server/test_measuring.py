"""What a contract asks for reaches the trial and the judge: repeats, guards, bounds, inputs, environment, rules."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.server.rehearsal import rehearse
from referee.session.project import Project

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]


def program(front_matter: str) -> str:
    return f"---\ntarget: run.sh\n{front_matter}\n---\n"


async def test_of_several_runs_the_median_counts_and_each_has_its_seed(connect: Any, make_project: MakeProject) -> None:
    front = "evaluate: {command: sh run.sh, timeout: 20s, repeats: 3}\nmetrics: {loss: minimize}"
    text = "case $REFEREE_SEED in 0) echo loss: 9;; 1) echo loss: 4;; 2) echo loss: 5;; esac\n"
    project = make_project({"program.md": program(front), "run.sh": text})
    async with connect(project) as agent:
        answer = await agent("run_eval", description="baseline")
    assert answer["metrics"] == {"loss": 5.0}


async def test_one_crash_among_several_runs_is_a_crash(connect: Any, make_project: MakeProject) -> None:
    front = "evaluate: {command: sh run.sh, timeout: 20s, repeats: 3}\nmetrics: {loss: minimize}"
    project = make_project({"program.md": program(front)})
    async with connect(project) as agent:
        answer = await agent("run_trial", description="x", content='[ "$REFEREE_SEED" != 1 ] && echo loss: 1\n')
    assert answer["decision"] == "crash"
    assert "exit code 1" in answer["reason"]


@pytest.mark.promise("earned keep")
async def test_a_guard_that_fails_keeps_an_improvement_out(connect: Any, make_project: MakeProject) -> None:
    front = (
        "evaluate: {command: sh run.sh, timeout: 20s}\n"
        "metrics:\n  loss: minimize\n  recall: {goal: maximize, role: guard, min: 0.9}"
    )
    project = make_project({"program.md": program(front), "run.sh": "echo loss: 3; echo recall: 0.95\n"})
    async with connect(project) as agent:
        failed = await agent("run_trial", description="cheat", content="echo loss: 1; echo recall: 0.2\n")
        kept = await agent("run_trial", description="honest", content="echo loss: 2; echo recall: 0.9\n")
    assert (failed["verdict"], failed["decision"]) == ("guard_failed", "discard")
    assert "recall 0.2" in failed["reason"]
    assert kept["decision"] == "keep"


async def test_a_number_out_of_bounds_is_not_believed(connect: Any, make_project: MakeProject) -> None:
    front = "evaluate: {command: sh run.sh, timeout: 20s}\nmetrics: {loss: {goal: minimize, bounds: [0.5, 20]}}"
    project = make_project({"program.md": program(front)})
    async with connect(project) as agent:
        answer = await agent("run_trial", description="too good", content="echo loss: 0.001\n")
    assert (answer["verdict"], answer["decision"]) == ("crash", "crash")
    assert "0.001" in answer["reason"]


async def test_two_metrics_under_the_dominance_rule(connect: Any, make_project: MakeProject) -> None:
    front = (
        "evaluate: {command: sh run.sh, timeout: 20s}\nmetrics: {loss: minimize, size: minimize}\nkeep: {rule: pareto}"
    )
    project = make_project({"program.md": program(front), "run.sh": "echo loss: 3; echo size: 10\n"})
    async with connect(project) as agent:
        traded = await agent("run_trial", description="trade", content="echo loss: 1; echo size: 11\n")
        better = await agent("run_trial", description="better", content="echo loss: 3; echo size: 9\n")
    assert [traded["decision"], better["decision"]] == ["discard", "keep"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("echo nothing", "loss"),
        ("echo loss: nan", "loss"),
        ("echo loss: 1e400", "loss"),
        ("echo loss: 1; echo loss: 2", "loss"),
        ("echo loss: 0x10", "loss"),
        ("echo loss: 1 >&2", "loss"),
        ("echo loss: 1; exit 3", "exit code 3"),
        ("echo loss: 1; kill -9 $$", "SIGKILL"),
    ],
)
@pytest.mark.promise("earned keep")
async def test_a_number_that_was_not_cleanly_reported_is_a_crash(
    connect: Any, project: Path, output: str, reason: str
) -> None:
    async with connect(project) as agent:
        answer = await agent("run_trial", description="x", content=f"{output}\n")
    assert answer["decision"] == "crash"
    assert reason in answer["reason"]
    assert answer["metrics"] == {}


@pytest.mark.promise("bounded trial")
async def test_a_trial_that_ignores_signals_ends_at_its_limit_as_a_timeout(
    connect: Any, make_project: MakeProject
) -> None:
    front = "evaluate: {command: sh run.sh, timeout: 1s}\nmetrics: {loss: minimize}"
    project = make_project({"program.md": program(front)})
    async with connect(project) as agent:
        answer = await agent("run_trial", description="hang", content="trap '' TERM INT; sleep 60; echo loss: 1\n")
    assert (answer["verdict"], answer["decision"]) == ("timeout", "crash")


@pytest.mark.promise("frozen judge")
async def test_declared_inputs_are_seen_and_a_change_refuses_the_next_run_by_name(
    connect: Any, make_project: MakeProject, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "numbers.txt").write_text("7\n", encoding="utf-8")
    front = (
        f"evaluate: {{command: sh run.sh, timeout: 20s}}\nmetrics: {{loss: minimize}}\nsandbox: {{inputs: [{data}]}}"
    )
    project = make_project({"program.md": program(front), "run.sh": f"echo loss: $(cat {data}/numbers.txt)\n"})
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
        (data / "numbers.txt").write_text("1\n", encoding="utf-8")
        said = await agent.refused("run_trial", description="x", content="echo loss: 2\n")
        (data / "numbers.txt").write_text("7\n", encoding="utf-8")
        again = await agent("run_trial", description="x", content="echo loss: 2\n")
    assert baseline["metrics"] == {"loss": 7.0}
    assert "numbers.txt is not what it was when the session opened" in said
    assert again["decision"] == "keep"


async def test_the_environment_is_what_the_contract_gives(
    connect: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("GIVEN", "41")
    front = "evaluate: {command: sh run.sh, timeout: 20s}\nmetrics: {loss: minimize}\nsandbox: {env: [GIVEN]}"
    text = 'echo "secret=$SECRET_TOKEN"; echo loss: $GIVEN\n'
    project = make_project({"program.md": program(front), "run.sh": text})
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
        log = await agent("read_log")
    assert baseline["metrics"] == {"loss": 41.0}
    assert "secret=\n" in log["text"]


async def test_what_the_contract_hides_from_the_agent_is_not_shown(connect: Any, make_project: MakeProject) -> None:
    front = "evaluate: {command: sh run.sh, timeout: 20s}\nmetrics: {loss: minimize}\nreadable: ['docs/*']"
    project = make_project({"program.md": program(front), "docs/a.md": "a\n", "labels/secret.txt": "s\n"})
    async with connect(project) as agent:
        listing = await agent("read_file")
        await agent.refused("read_file", path="labels/secret.txt")
        shown = await agent("read_file", path="docs/a.md")
    assert listing["text"] == "docs/a.md"
    assert "a\n" in shown["text"]


@pytest.mark.promise("confined trial")
async def test_nothing_is_carried_from_one_trial_to_the_next(connect: Any, project: Path) -> None:
    text = "[ -e seen ] || [ -e /tmp/seen ] && echo loss: 1 || echo loss: 2{spaces}; touch seen /tmp/seen $HOME/seen\n"
    async with connect(project) as agent:
        first = await agent("run_trial", description="leave", content=text.format(spaces=""))
        second = await agent("run_trial", description="find", content=text.format(spaces=" "))
    assert first["metrics"] == second["metrics"] == {"loss": 2.0}
    assert not (project / "seen").exists()


@pytest.mark.promise("one file")
async def test_a_trial_that_changes_a_frozen_file_is_a_crash_that_names_it(
    connect: Any, make_project: MakeProject
) -> None:
    project = make_project({"evaluate.sh": "echo frozen\n"})
    async with connect(project) as agent:
        answer = await agent("run_trial", description="x", content="rm -f evaluate.sh; echo loss: 1\n")
    assert answer["decision"] == "crash"
    assert "evaluate.sh" in answer["reason"]
    assert (project / "evaluate.sh").read_text(encoding="utf-8") == "echo frozen\n"


@pytest.mark.promise("hard budget")
async def test_the_wall_clock_budget_cuts_the_trial_that_would_outlast_it(
    connect: Any, make_project: MakeProject
) -> None:
    front = (
        "evaluate: {command: sh run.sh, timeout: 600s}\nmetrics: {loss: minimize}\n"
        "budget: {max_wall_clock_hours: 0.001}"
    )
    project = make_project({"program.md": program(front)})
    async with connect(project) as agent:
        answer = await agent("run_trial", description="long", content="sleep 60; echo loss: 1\n")
    assert answer["verdict"] == "timeout"
    assert answer["continue"] is False
    assert answer["budget"]["seconds_spent"] < 60


async def test_the_baseline_that_check_measured_is_taken_where_nothing_changed(
    connect: Any, make_project: MakeProject, git: Callable[..., str]
) -> None:
    """The target prints a number that no second run could print again."""
    front = "evaluate: {command: sh run.sh, timeout: 20s}\nmetrics: {loss: minimize}"
    text = "echo loss: $(date +%s%N)\n"
    project = make_project({"program.md": program(front), "run.sh": text})
    loaded = Project(project)
    rehearsal = await rehearse(loaded, loaded.program(), "x")
    loaded.git.close()
    async with connect(project) as agent:
        taken = await agent("run_eval", description="baseline")
    (project / "helper.txt").write_text("new\n", encoding="utf-8")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "More")
    async with connect(project, "other") as agent:
        measured = await agent("run_eval", description="baseline")
    assert taken["metrics"] == dict(rehearsal.measurement["metrics"])
    assert measured["metrics"] != taken["metrics"]


async def test_an_evaluator_with_a_target_flag_and_a_results_folder_works_unchanged(
    connect: Any, make_project: MakeProject
) -> None:
    """The contract of ShinkaEvolve's evaluators: paths as flags, `metrics.json` and `correct.json` as the answer."""
    evaluator = """\
        set -e
        [ "$1" = --program_path ] && [ "$3" = --results_dir ]
        mkdir -p "$4"
        echo "{\\"combined_score\\": $(cat "$2"), \\"private\\": {\\"hidden\\": 1}}" > "$4/metrics.json"
        echo '{"correct": true, "error": null}' > "$4/correct.json"
        """
    front = (
        "evaluate: {command: 'sh evaluate.sh --program_path {target} --results_dir {results}', timeout: 20s}\n"
        "metrics: {combined_score: maximize}"
    )
    project = make_project({"program.md": program(front), "run.sh": "0.5\n", "evaluate.sh": evaluator})
    async with connect(project) as agent:
        answer = await agent("run_trial", description="higher", content="0.75\n")
    assert (answer["decision"], answer["metrics"]) == ("keep", {"combined_score": 0.75})
