"""Promise 9, your work is yours: after a whole session everything of the person is byte for byte as it was."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.projects import JUDGED
from tests.session.conftest import JUDGED_FILES

pytestmark = pytest.mark.anyio

Git = Callable[..., str]
OURS = ("refs/heads/referee", "refs/referee", "objects", "referee-sessions", "info/exclude")


@pytest.fixture
def busy(make_project: Callable[..., Path], git: Git) -> Path:
    """A person in the middle of everything: staged, unstaged, untracked, ignored, stashed, tagged, odd modes."""
    project = make_project(
        {"program.md": JUDGED, "judge.sh": "sh run.sh\n", "notes.md": "1\n", "src/a.py": "a\n", ".gitignore": "*.o\n"}
    )
    git(project, "branch", "idea")
    git(project, "tag", "-a", "v1", "-m", "one")
    (project / "notes.md").write_text("stashed\n", encoding="utf-8")
    git(project, "stash")
    (project / "src/a.py").write_text("staged\n", encoding="utf-8")
    git(project, "add", "src/a.py")
    (project / "src/a.py").write_text("staged, then edited\n", encoding="utf-8")
    (project / "untracked.txt").write_text("mine\n", encoding="utf-8")
    (project / "built.o").write_bytes(b"\0\1")
    (project / "notes.md").chmod(0o600)
    (project / "dangling").symlink_to("nowhere")
    os.utime(project / "judge.sh", (1_000_000_000, 1_000_000_000))  # git status would refresh its index entry
    return project


def kept(project: Path) -> dict[str, tuple[Any, ...]]:
    """Every path of the checkout with type, mode, mtime and content, but for what a session is meant to add."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(project.rglob("*")):
        name = str(path.relative_to(project))
        inside = name.removeprefix(".git/") if name.startswith(".git/") else None
        if name.startswith("results") or (inside and inside.startswith(OURS)):
            continue
        facts = path.lstat()
        held = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        folder_of_ours = path.is_dir() and (name in {"", ".git"} or (inside or "").startswith(("refs", "info")))
        found[name] = (oct(facts.st_mode), None if folder_of_ours else facts.st_mtime_ns, held)
    return found


async def whole_session(connect: Any, project: Path) -> None:
    async with connect(project, "mar8") as agent:
        await agent("read_program")
        await agent("read_file")
        await agent("edit_target", content="echo loss: 2\n")
        await agent("run_eval", description="better")
        await agent("keep")
        await agent("append_result", description="better", lesson="smaller is better")
        await agent("run_trial", description="worse", content="echo loss: 9\n")
        await agent("run_trial", description="crash", content="exit 3\n")
        await agent("run_trial", description="writes", content="echo x > new; echo x >> judge.sh; echo loss: 7\n")
        await agent("run_trial", description="best", content="echo loss: 1\n")
        await agent("revert", to="0")


@pytest.mark.promise("your work is yours")
async def test_nothing_of_the_person_differs_after_a_session(connect: Any, busy: Path, git: Git) -> None:
    before = kept(busy)
    refs = git(busy, "for-each-ref", "refs/heads/main", "refs/heads/idea", "refs/tags", "refs/stash")
    await whole_session(connect, busy)
    async with connect(busy, "mar8") as agent:
        await agent("run_trial", description="again", content="echo loss: 0.5\n")
    assert kept(busy) == before
    assert git(busy, "for-each-ref", "refs/heads/main", "refs/heads/idea", "refs/tags", "refs/stash") == refs


async def test_what_git_status_says_is_the_same_before_and_after(connect: Any, busy: Path, git: Git) -> None:
    words = ("--no-optional-locks", "status", "--porcelain=v2", "--branch", "--show-stash", "--untracked-files=all")
    before = git(busy, *words)
    await whole_session(connect, busy)
    assert (busy / "results.tsv").is_file()
    assert git(busy, *words) == before


async def test_a_clean_checkout_stays_clean_while_the_session_runs_and_after_it(
    connect: Any, make_project: Callable[..., Path], git: Git
) -> None:
    project = make_project(JUDGED_FILES)
    async with connect(project, "mar8") as agent:
        await agent("edit_target", content="echo loss: 2\n")
        await agent("run_eval", description="better")
        assert git(project, "status", "--porcelain") == ""
    assert git(project, "status", "--porcelain") == ""


async def test_the_night_is_adopted_by_a_fast_forward(
    connect: Any, make_project: Callable[..., Path], git: Git
) -> None:
    project = make_project(JUDGED_FILES)
    base = git(project, "rev-parse", "HEAD")
    await whole_session(connect, project)
    git(project, "merge", "--ff-only", "--quiet", "referee/mar8")
    assert (project / "run.sh").read_text(encoding="utf-8") == "echo loss: 1\n"
    assert git(project, "log", "--format=%s", f"{base}..HEAD").splitlines() == ["best", "better"]
    assert git(project, "diff", "--name-only", base, "HEAD") == "run.sh"
    assert git(project, "status", "--porcelain") == ""


async def test_the_fast_forward_also_works_beside_uncommitted_work(connect: Any, busy: Path, git: Git) -> None:
    await whole_session(connect, busy)
    git(busy, "merge", "--ff-only", "--quiet", "referee/mar8")
    assert (busy / "src/a.py").read_text(encoding="utf-8") == "staged, then edited\n"
    assert (busy / "run.sh").read_text(encoding="utf-8") == "echo loss: 1\n"


async def test_an_executable_target_stays_executable_in_every_kept_commit(
    connect: Any, make_project: Callable[..., Path], git: Git
) -> None:
    project = make_project(JUDGED_FILES)
    (project / "run.sh").chmod(0o755)
    git(project, "commit", "-qam", "executable")
    await whole_session(connect, project)
    assert git(project, "ls-tree", "referee/mar8", "run.sh").startswith("100755 blob")


async def test_the_repository_is_sound_by_gits_strictest_check(connect: Any, busy: Path, git: Git) -> None:
    await whole_session(connect, busy)
    done = await anyio.run_process(["git", "fsck", "--strict", "--no-dangling"], cwd=busy)
    assert done.stdout + done.stderr.replace(b"notice: ", b"") == b""
    for ref in git(busy, "for-each-ref", "--format=%(refname)", "refs/referee").splitlines():
        git(busy, "cat-file", "-e", ref)


async def test_every_trial_stays_reachable_after_the_person_collects_garbage(
    connect: Any, make_project: Callable[..., Path], git: Git
) -> None:
    project = make_project(JUDGED_FILES)
    await whole_session(connect, project)
    git(project, "reflog", "expire", "--expire=now", "--all")
    git(project, "gc", "-q", "--prune=now")
    async with connect(project, "mar8") as agent:
        texts = [(await agent("read_target", revision=str(number)))["text"] for number in range(6)]
        await agent("run_trial", description="after", content="echo loss: 0.1\n")
    assert ["loss: 3" in texts[0], "loss: 9" in texts[2], "exit 3" in texts[3]] == [True] * 3


async def test_a_session_in_one_worktree_leaves_the_other_alone(
    connect: Any, make_project: Callable[..., Path], git: Git, tmp_path: Path
) -> None:
    project = make_project(JUDGED_FILES)
    git(project, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side/mine.txt").write_text("mine\n", encoding="utf-8")
    before = kept(project)
    await whole_session(connect, tmp_path / "side")
    assert kept(project) == before
    assert (tmp_path / "side/results.tsv").is_file()
    assert git(tmp_path / "side", "status", "--porcelain") == "?? mine.txt"
