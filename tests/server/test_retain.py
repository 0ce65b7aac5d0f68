"""Files of kept trials that last: stored by content, journaled, bounded, told to people, and checked on demand."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError, StdioServerParameters
from referee.session.retention import STORE, WAITING

from tests.projects import git
from tests.sessions import home_of, interference, records, referee

pytestmark = pytest.mark.anyio

MakeProject = Callable[..., Path]

_FRONT = (
    "---\ntarget: run.sh\nevaluate: {command: sh run.sh, timeout: 20s, retain: {paths: [out/], %s}}\n"
    "metrics: {loss: minimize}\n---\n"
)


def target(loss: float, model: str | None, size: int = 0) -> str:
    """A script that leaves a model and prints its loss."""
    left = f"mkdir -p out; printf '{model}' > out/model.pt; truncate -s '>{size}' out/model.pt; " if model else ""
    return f"{left}echo loss: {loss}\n"


@pytest.fixture
def retaining(make_project: MakeProject) -> Callable[..., Path]:
    """A project whose runs leave `out/model.pt`, of which this is retained."""

    def make(how: str = "keep: best", model: str = "first") -> Path:
        return make_project({"program.md": _FRONT % how, "run.sh": target(9, model)})

    return make


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def stored(project: Path) -> dict[str, str]:
    """What the store holds, by name."""
    store = home_of(project) / STORE
    return {path.name: path.read_text(encoding="utf-8") for path in store.iterdir()} if store.is_dir() else {}


def waiting(project: Path) -> list[str]:
    """The trials whose files wait for a decision."""
    folder = home_of(project) / WAITING
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def decided(project: Path) -> list[dict[str, Any]]:
    return [dict(record.data) for record in records(project) if record.kind == "decided"]


def shown(project: Path, trial: int) -> Any:
    done = referee("show", str(trial), "--repo", str(project), "--json")
    return json.loads(done.stdout)["retained"]


def verified(project: Path) -> tuple[int, str]:
    done = referee("audit", "--verify", "--repo", str(project))
    return done.returncode, done.stdout


async def test_a_kept_trials_file_is_stored_by_its_hash_and_the_baselines_makes_room(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining()
    async with connect(project) as agent:
        baseline = await agent("run_eval", description="baseline")
        assert stored(project) == {digest("first"): "first"}
        kept = await agent("run_trial", description="better", content=target(8, "second"))
    assert "Retained: out/model.pt (5 bytes)." in baseline["text"]
    assert "Retained: out/model.pt (6 bytes). To make room, the files of trial 0 were dropped." in kept["text"]
    assert stored(project) == {digest("second"): "second"}
    assert waiting(project) == []
    place = home_of(project) / STORE / digest("second")
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o400, 0o700)
    assert decided(project)[1]["retained"] == [{"path": "out/model.pt", "size": 6, "sha256": digest("second")}]
    assert decided(project)[1]["dropped"] == [0]
    message = git(project, "log", "-1", "--format=%B", f"refs/heads/referee/{records(project)[0].data['tag']}")
    assert f"\nReferee-Artifact: {digest('second')} out/model.pt\n" in message
    assert verified(project)[0] == 0


async def test_show_says_where_a_file_lies_and_that_another_is_gone(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining()
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="better", content=target(8, "second"))
    place = str(home_of(project) / STORE / digest("second"))
    second = {"path": "out/model.pt", "size": 6, "sha256": digest("second"), "place": place}
    assert shown(project, 1) == [second]
    assert [file["place"] for file in shown(project, 0)] == [None]
    told = referee("show", "1", "--repo", str(project)).stdout
    assert f"out/model.pt, 6 bytes, sha256 {digest('second')}: {place}" in told


async def test_a_trial_that_is_not_kept_leaves_no_file(connect: Any, retaining: Callable[..., Path]) -> None:
    project = retaining()
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="worse", content=target(10, "second"))
        await agent("run_trial", description="crash", content=target(1, "third") + "exit 3\n")
        await agent("edit_target", content=target(7, "fourth"))
        await agent("run_eval", description="better, and not wanted")
        assert waiting(project) == ["3"]
        await agent("revert")
    assert stored(project) == {digest("first"): "first"}
    assert waiting(project) == []
    assert shown(project, 1) == []


async def test_all_keeps_every_kept_trials_files_until_the_store_is_full_and_then_says_what_goes(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining("keep: all, max: 1MB")
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("run_trial", description="one", content=target(8, "second", 600_000))
        await agent("run_trial", description="same bytes", content=target(7, "first"))
        last = await agent("run_trial", description="two", content=target(6, "third", 700_000))
    assert "To make room, the files of trial 0, 1 were dropped." in last["text"]
    assert [data["dropped"] for data in decided(project)] == [[], [], [], [0, 1]]
    sizes = sorted(path.stat().st_size for path in (home_of(project) / STORE).iterdir())
    assert sizes == [5, 700_000]
    assert [file["place"] is None for trial in (0, 1, 2, 3) for file in shown(project, trial)] == [
        True,
        True,
        False,
        False,
    ]
    assert verified(project)[0] == 0


async def test_what_cannot_fit_or_is_not_there_is_said_and_the_last_best_that_left_any_stays(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining("max: 1MB")
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        large = await agent("run_trial", description="large", content=target(8, "second", 1_100_000))
        none = await agent("run_trial", description="none", content=target(7, None))
    assert "Not retained: with out it would be 1.1 MB; evaluate.retain.max is 1.0 MB." in large["text"]
    assert "Not retained: the run left no file at out." in none["text"]
    assert [len(data["not_retained"]) for data in decided(project)] == [0, 1, 1]
    assert stored(project) == {digest("first"): "first"}


async def test_of_several_runs_the_last_ones_files_are_retained(connect: Any, make_project: MakeProject) -> None:
    front = (_FRONT % "keep: best").replace("timeout: 20s", "timeout: 20s, repeats: 3")
    script = 'mkdir -p out; printf "seed $REFEREE_SEED" > out/model.pt; echo loss: 9\n'
    project = make_project({"program.md": front, "run.sh": script})
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
    assert stored(project) == {digest("seed 2"): "seed 2"}


async def test_a_baseline_that_check_measured_is_measured_again_for_its_files(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining()
    assert referee("check", "--repo", str(project)).returncode == 0
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
    assert stored(project) == {digest("first"): "first"}


async def _die(project: Path, point: str) -> None:
    """Let a real server kill itself at a point of the trial that leaves `second`."""
    script = str(Path(__file__).with_name("suicidal_server.py"))
    environment = dict(os.environ) | {"SUICIDE_AT": point}
    server = StdioServerParameters(command=sys.executable, args=[script, "--repo", str(project)], env=environment)
    with pytest.raises((MCPError, BaseExceptionGroup)):  # noqa: PT012 - the server may die in either call
        async with Client(server) as client:
            await client.call_tool("run_eval", {"description": "baseline"})
            with anyio.fail_after(60):
                await client.call_tool("run_trial", {"description": "better", "content": target(8, "second")})


@pytest.mark.promise("nothing lost")
async def test_a_server_that_dies_between_record_and_store_is_healed_at_the_next_start(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining()
    await _die(project, "decided:after")
    assert (stored(project), waiting(project)) == ({digest("first"): "first"}, ["1"])
    assert verified(project)[0] == 1
    async with connect(project) as agent:
        await agent("revert")
    assert (stored(project), waiting(project)) == ({digest("second"): "second"}, [])
    assert verified(project)[0] == 0


@pytest.mark.promise("nothing lost")
async def test_what_a_trial_left_survives_the_server_until_it_is_decided(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining()
    await _die(project, "decided:before")
    async with connect(project) as agent:
        kept = await agent("keep")
    assert "Retained: out/model.pt" in kept["text"]
    assert (stored(project), waiting(project)) == ({digest("second"): "second"}, [])


@pytest.mark.promise("whole log")
async def test_a_stored_file_that_was_changed_removed_or_added_is_named(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining()
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
    place = home_of(project) / STORE / digest("first")
    place.chmod(0o600)
    place.write_text("other", encoding="utf-8")
    (place.parent / "strange").touch()
    status, said = verified(project)
    assert status == 1
    assert "trial 0: 'out/model.pt' was changed" in said
    assert "the store holds 'strange', which no record names" in said
    place.unlink()
    assert "trial 0: 'out/model.pt' cannot be read in the store" in verified(project)[1]
    async with connect(project) as agent:
        await agent("revert")
    assert "out/model.pt, retained of trial 0, is missing from the store" in interference(project)


async def test_a_file_that_was_changed_between_measurement_and_keep_is_not_stored_and_said(
    connect: Any, retaining: Callable[..., Path]
) -> None:
    project = retaining()
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        await agent("edit_target", content=target(8, "second"))
        await agent("run_eval", description="better")
        (home_of(project) / WAITING / "1" / "out" / "model.pt").write_text("others", encoding="utf-8")
        kept = await agent("keep")
    assert "Not retained: out/model.pt was changed after it was measured." in kept["text"]
    assert stored(project) == {digest("first"): "first"}


@pytest.mark.promise("confined trial")
async def test_no_trial_sees_what_another_left(connect: Any, retaining: Callable[..., Path]) -> None:
    project = retaining("keep: all")
    async with connect(project) as agent:
        await agent("run_eval", description="baseline")
        content = f"ls out {home_of(project)}; cat {home_of(project)}/retained/*\n{target(8, 'second')}"
        await agent("run_trial", description="look for it", content=content)
        said = (await agent("read_log", tail_lines=100))["text"]
    assert "cannot access 'out'" in said
    assert "first" not in said
