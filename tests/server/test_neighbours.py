"""Others at work on the same session, the same repository or the same disk: a clear outcome for each."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.projects import everything, git
from tests.sandbox.witness import until
from tests.soak.findings import Finding
from tests.soak.scene import Scene, losses
from tests.soak.world import World

Act = Callable[[Path], None]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A repository and a state folder on one ground."""
    monkeypatch.setenv("REFEREE_STATE_DIR", str(tmp_path / "state"))
    made = World(tmp_path, f"{os.getpid()}66").make()
    (made.repo / "notes.txt").write_text("mine\n", encoding="utf-8")
    git(made.repo, "add", "--all")
    git(made.repo, "commit", "--quiet", "--message", "Notes")
    return made


def ended(*scenes: Scene) -> list[Finding]:
    """Let sessions end, all of them before any is judged, and return all that is not as promised."""
    for scene in scenes:
        scene.leave()
    return [finding for scene in scenes for finding in scene.judged()]


def test_a_second_server_reads_and_says_who_holds_the_session_and_takes_over_once_that_is_gone(world: World) -> None:
    first, second, texts = Scene(world), Scene(world), losses()
    first.does("run_trial", description="first", content=next(texts))
    held = f"held by pid {first.server.pid}"
    second.says(held, tool="run_trial", description="second", content=next(texts))
    second.says(held, tool="keep")
    reading = second.does("read_results")
    assert held in reading.facts["note"]
    assert reading.facts["total"] == 2
    first.server.kill()
    assert second.does("run_trial", description="taken over", content=next(texts)).facts["trial"] == 2
    assert "note" not in second.does("check_budget").facts
    second.told.heads += first.told.heads
    assert ended(second) == []


def test_two_sessions_on_one_repository_do_not_disturb_each_other(world: World) -> None:
    one, other = Scene(world), Scene(World(world.ground, world.token, "other"))
    texts = losses()
    for number in range(3):
        for scene in (one, other):
            answer = scene.does("run_trial", description=f"{scene.world.tag} {number}", content=next(texts))
            assert answer.facts["trial"] == number + 1
    names = {path.name for path in world.repo.glob("results*.tsv")}
    assert names == {"results.tsv", "results-other.tsv"}
    assert ended(one, other) == []


def commit(repo: Path) -> None:
    (repo / "notes.txt").write_text("more\n", encoding="utf-8")
    git(repo, "commit", "--quiet", "--all", "--message", "More")


def amend(repo: Path) -> None:
    (repo / "run.sh").write_text("echo loss: 0.5\n", encoding="utf-8")
    git(repo, "commit", "--quiet", "--all", "--amend", "--message", "Amended")


def rebase(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "--orphan", "new-root")
    git(repo, "commit", "--quiet", "--message", "Root")
    git(repo, "checkout", "--quiet", "main")
    git(repo, "rebase", "--quiet", "--strategy-option=theirs", "new-root")


def reset(repo: Path) -> None:
    git(repo, "reset", "--quiet", "--hard", "HEAD~1")


def switch(repo: Path) -> None:
    git(repo, "switch", "--quiet", "--create", "side")
    commit(repo)


def stash(repo: Path) -> None:
    (repo / "notes.txt").write_text("unfinished\n", encoding="utf-8")
    git(repo, "stash", "--quiet", "--include-untracked")


def sweep(repo: Path) -> None:
    git(repo, "clean", "-qfdx")


def worktrees(repo: Path) -> None:
    git(repo, "worktree", "add", "-q", "-b", "beside", str(repo.parent / "beside"))
    git(repo, "worktree", "remove", str(repo.parent / "beside"))


def collect(repo: Path) -> None:
    git(repo, "reflog", "expire", "--expire=now", "--all")
    git(repo, "gc", "--quiet", "--prune=now")


def repack(repo: Path) -> None:
    git(repo, "repack", "-q", "-a", "-d")
    git(repo, "pack-refs", "--all", "--prune")


ACTS = [commit, amend, rebase, reset, switch, stash, sweep, worktrees, collect, repack]


def person(repo: Path) -> list[str]:
    """What is the person's: HEAD, branches of theirs, index, stashes, files."""
    refs = git(repo, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/stash", "refs/tags")
    own = [line for line in refs.splitlines() if "/referee/" not in line]
    files = {name: data for name, data in everything(repo).items() if not name.startswith((".git", "results"))}
    words = ("--no-optional-locks", "status", "--porcelain=v2", "--branch")
    return [*own, git(repo, *words), git(repo, "ls-files", "--stage"), repr(files)]


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
@pytest.mark.promise("your work is yours")
def test_whatever_the_person_does_with_git_the_session_goes_on_and_their_work_stays(world: World, act: Act) -> None:
    """In the middle of a trial and between two, with a restart behind it."""
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    long = f"sleep 0.8{world.token}; echo loss: 5\n"
    running = scene.server.send("run_trial", {"description": "meanwhile", "content": long})
    until(lambda: [line for line in world.survivors() if "of a trial" in line])
    act(world.repo)
    theirs = person(world.repo)
    answer = scene.server.receive(running)
    assert (answer.facts["decision"], answer.facts["metrics"]) == ("keep", {"loss": 5.0})
    assert scene.does("run_trial", description="after", content="echo loss: 4\n").facts["decision"] == "keep"
    scene.restart(judge=True)
    assert scene.does("run_trial", description="later", content="echo loss: 3\n").facts["decision"] == "keep"
    assert scene.close() == []
    assert person(world.repo) == theirs


@pytest.mark.slow
def test_collecting_and_packing_all_the_time_loses_nothing(world: World) -> None:
    """As git does it by itself: what no ref holds yet is young, and stays."""
    scene, texts, over = Scene(world), losses(), threading.Event()
    scene.does("run_trial", description="before", content=next(texts))

    def housekeeping() -> None:
        while not over.is_set():
            for words in (["gc", "-q"], ["repack", "-Adq"], ["pack-refs", "--all"]):
                subprocess.run(["git", *words], cwd=world.repo, capture_output=True, check=False)

    keeper = threading.Thread(target=housekeeping)
    keeper.start()
    try:
        for number in range(30):
            scene.does("edit_target", content=next(texts))
            scene.does("run_trial", description=f"idea {number}", content=next(texts))
            scene.does("revert", to=str(number % 3))
    finally:
        over.set()
        keeper.join()
    scene.restart(judge=True)
    assert scene.does("run_trial", description="after", content="echo loss: 0.1\n").facts["decision"] == "keep"
    assert scene.close() == []


@pytest.fixture
def moved(world: World) -> Iterator[Callable[[], World]]:
    """Move the repository, as a person who tidies up; it comes back at the end."""
    before = world.repo
    yield lambda: _move(world)
    if world.repo != before:
        shutil.rmtree(world.repo)


def _move(world: World) -> World:
    place = world.repo.rename(world.ground / "moved")
    world.repo = place
    return world


def test_a_repository_that_is_moved_under_a_server_is_named_and_the_next_server_goes_on(
    world: World, moved: Callable[[], World]
) -> None:
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    old = str(world.repo)
    moved()
    assert "moved or deleted" in scene.says(old, tool="run_trial", description="x", content=next(texts)).text
    assert "moved or deleted" in scene.says(old, tool="edit_target", content=next(texts)).text
    assert scene.does("read_results").facts["total"] == 2
    scene.restart(judge=True)
    assert scene.does("run_trial", description="after", content=next(texts)).facts["trial"] == 2
    assert scene.close() == []


def test_a_repository_that_is_moved_between_two_servers_has_its_session(
    world: World, moved: Callable[[], World]
) -> None:
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    scene.server.end()
    moved()
    scene.restart(judge=True)
    assert scene.does("run_trial", description="after", content=next(texts)).facts["trial"] == 2
    assert scene.close() == []


def test_a_repository_that_is_deleted_under_a_server_is_named_and_nothing_is_made_in_its_place(world: World) -> None:
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    old = str(world.repo)
    shutil.rmtree(world.repo)
    assert "moved or deleted" in scene.says(old, tool="run_trial", description="x", content=next(texts)).text
    assert "moved or deleted" in scene.says(old, tool="edit_target", content=next(texts)).text
    assert scene.does("read_results").facts["total"] == 2
    scene.server.end()
    assert not world.repo.exists()
    assert scene.found == []
