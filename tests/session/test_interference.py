"""While a trial runs someone else works on everything in reach: the number stays true, and what was done is told."""

import os
import shutil
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.session import journal
from referee.session.errors import JournalError

pytestmark = pytest.mark.anyio

Git = Callable[..., str]
FILES = {
    "judge.sh": "sh run.sh\n",
    "docs/notes.md": "notes\n",
    "run.sh": "echo loss: 3\n",
    "program.md": """\
---
target: run.sh
evaluate: {command: sh judge.sh, timeout: 30s}
metrics: {loss: minimize}
---
""",
}
SLOW = "sleep 0.7; echo loss: 2\n"


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Path:
    return make_project(FILES)


@asynccontextmanager
async def during_a_trial(connect: Any, project: Path) -> AsyncGenerator[Any]:
    """A trial that is running while the body works; it is over when the body asks for its result."""
    async with connect(project, "mar8") as agent:
        await agent("run_eval", description="baseline")
        await agent("edit_target", content=SLOW)
        started = await agent("run_eval", description="slow", wait_seconds=0)
        assert started["status"] == "running"
        yield agent


async def finished(agent: Any) -> dict[str, Any]:
    with anyio.fail_after(30):
        answer: dict[str, Any] = await agent("run_eval", description="slow", wait_seconds=25)
    return answer


def interference(home: Path) -> list[str]:
    records = journal.load(home / "journal.jsonl").records
    return [record.data["what"] for record in records if record.kind == "interference"]


@pytest.mark.promise("frozen judge")
async def test_the_judge_of_the_checkout_may_be_edited_meanwhile(connect: Any, project: Path, home_of: Any) -> None:
    async with during_a_trial(connect, project) as agent:
        (project / "judge.sh").write_text("echo loss: 0\n", encoding="utf-8")
        answer = await finished(agent)
        await agent("keep")
        later = await agent("run_trial", description="later", content="echo loss: 1\n")
    assert answer["metrics"] == {"loss": 2.0}
    assert later["metrics"] == {"loss": 1.0}
    said = [what for what in interference(home_of(project)) if "judge.sh" in what]
    assert said == ["judge.sh in the checkout was changed; what is measured is the frozen commit"]
    assert (project / "judge.sh").read_text(encoding="utf-8") == "echo loss: 0\n"


def delete(place: Path) -> None:
    place.unlink()


def to_folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


def to_pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def to_circle(place: Path) -> None:
    shutil.rmtree(place.parent)
    place.parent.symlink_to(place.parent.name)


def to_endless(place: Path) -> None:
    os.truncate(place, 1 << 42)


@pytest.mark.parametrize("act", [delete, to_folder, to_pipe, to_circle, to_endless])
async def test_whatever_becomes_of_another_file_stops_nothing(
    connect: Any, project: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with during_a_trial(connect, project) as agent:
        act(project / "docs/notes.md")
        answer = await finished(agent)
        await agent("keep")
    assert answer["metrics"] == {"loss": 2.0}
    assert [what for what in interference(home_of(project)) if what.startswith("docs/notes.md in the checkout")]


@pytest.mark.promise("frozen judge")
async def test_a_target_replaced_by_a_link_is_neither_read_nor_written_through(
    connect: Any, project: Path, tmp_path: Path, home_of: Any
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET=1\n", encoding="utf-8")
    async with during_a_trial(connect, project) as agent:
        (project / "run.sh").unlink()
        (project / "run.sh").symlink_to(secret)
        answer = await finished(agent)
        said = await agent.refused("edit_target", from_checkout=True)
        await agent("keep")
        kept = await agent("read_target", revision="best")
    assert answer["metrics"] == {"loss": 2.0}
    assert "SECRET" not in said
    assert "SECRET" not in str(kept)
    assert secret.read_text(encoding="utf-8") == "SECRET=1\n"
    assert (project / "run.sh").is_symlink()
    assert any("run.sh in the checkout is no longer a plain file" in what for what in interference(home_of(project)))


async def test_a_branch_and_refs_moved_by_hand_are_put_right_and_told(
    connect: Any, project: Path, git: Git, home_of: Any
) -> None:
    async with during_a_trial(connect, project) as agent:
        other = git(project, "commit-tree", "-m", "not measured", "HEAD^{tree}", "-p", "HEAD")
        for ref in ("refs/heads/referee/mar8", "refs/referee/mar8/best", "refs/referee/mar8/trials/0"):
            git(project, "update-ref", ref, other)
        git(project, "update-ref", "-d", "refs/referee/mar8/base")
        git(project, "update-ref", "refs/referee/mar8/trials/77", other)
        git(project, "pack-refs", "--all")
        await finished(agent)
        kept = await agent("keep")
    said = " ".join(interference(home_of(project)))
    for ref in ("heads/referee/mar8 was moved", "mar8/best was moved", "trials/0 was moved", "mar8/base was deleted"):
        assert ref in said
    assert "trials/77 was added by hand" in said
    assert git(project, "rev-parse", "referee/mar8").startswith(kept["best"]["commit"])
    assert git(
        project, "rev-parse", "referee/mar8~1", "refs/referee/mar8/base", "refs/referee/mar8/trials/0"
    ).split() == ([git(project, "rev-parse", "main")] * 3)
    assert "trials/77" not in git(project, "for-each-ref")


@pytest.mark.promise("your work is yours")
async def test_a_branch_that_became_a_symbolic_ref_does_not_move_the_persons_branch(
    connect: Any, project: Path, git: Git
) -> None:
    main = git(project, "rev-parse", "main")
    async with during_a_trial(connect, project) as agent:
        git(project, "symbolic-ref", "refs/heads/referee/mar8", "refs/heads/main")
        git(project, "symbolic-ref", "refs/referee/mar8/best", "refs/heads/main")
        await finished(agent)
        await agent("keep")
    assert git(project, "rev-parse", "main") == main
    assert git(project, "rev-parse", "referee/mar8~1") == main


@pytest.mark.parametrize(
    "blocker", ["refs/heads/referee", "refs/heads/referee/mar8/mine", "refs/referee/mar8", "refs/referee/mar8/best/x"]
)
async def test_a_ref_that_leaves_no_room_for_ours_stops_nothing(
    connect: Any, project: Path, git: Git, blocker: str
) -> None:
    """A file where a folder must be, or the other way round; a person's branch is never removed for it."""
    async with during_a_trial(connect, project) as agent:
        for ref in git(project, "for-each-ref", "--format=%(refname)", "refs/heads/referee", "refs/referee").split():
            git(project, "update-ref", "-d", ref)
        git(project, "update-ref", blocker, "HEAD")
        await finished(agent)
        kept = await agent("keep")
    assert kept["decision"] == "keep"
    if blocker.startswith("refs/heads"):
        assert git(project, "rev-parse", blocker) == git(project, "rev-parse", "main")
        git(project, "update-ref", "-d", blocker)
    async with connect(project, "mar8") as agent:
        await agent("revert")
    assert git(project, "rev-parse", "refs/referee/mar8/best") == git(project, "rev-parse", "referee/mar8")
    assert git(project, "rev-parse", "referee/mar8").startswith(kept["best"]["commit"])


async def test_a_branch_checked_out_meanwhile_lags_and_catches_up(connect: Any, project: Path, git: Git) -> None:
    async with during_a_trial(connect, project) as agent:
        git(project, "checkout", "-q", "referee/mar8")
        await finished(agent)
        kept = await agent("keep")
        assert git(project, "rev-parse", "referee/mar8") == git(project, "rev-parse", "main")
        assert git(project, "status", "--porcelain") == ""
        git(project, "checkout", "-q", "main")
        await agent("run_trial", description="worse", content="echo loss: 9\n")
    assert git(project, "rev-parse", "referee/mar8").startswith(kept["best"]["commit"])


def rewrite(snapshot: Path) -> None:
    (snapshot / "judge.sh").chmod(0o644)
    (snapshot / "judge.sh").write_text("echo loss: 0\n", encoding="utf-8")


def swap(snapshot: Path) -> None:
    (snapshot.parent / "new").write_text("echo loss: 0\n", encoding="utf-8")
    (snapshot.parent / "new").replace(snapshot / "judge.sh")


def add(snapshot: Path) -> None:
    (snapshot / "sitecustomize.py").write_text("raise SystemExit\n", encoding="utf-8")


def link_folder(snapshot: Path) -> None:
    shutil.move(snapshot / "docs", snapshot.parent / "docs")
    (snapshot / "docs").symlink_to("../docs")


@pytest.mark.parametrize("act", [rewrite, swap, add, link_folder])
@pytest.mark.promise("frozen judge")
async def test_a_snapshot_that_is_changed_while_a_trial_runs_makes_it_a_crash_and_is_mended(
    connect: Any, project: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with during_a_trial(connect, project) as agent:
        snapshot = home_of(project) / "snapshot"
        act(snapshot)
        answer = await finished(agent)
        later = await agent("run_trial", description="later", content="echo loss: 1\n")
    assert answer["verdict"] == "crash"
    assert "the snapshot while the trial ran, so it does not count" in answer["reason"]
    assert later["metrics"] == {"loss": 1.0}
    assert (snapshot / "judge.sh").read_text(encoding="utf-8") == "sh run.sh\n"
    assert [what for what in interference(snapshot.parent) if "the snapshot while trial 1 ran" in what]


@pytest.mark.parametrize("act", [rewrite, swap, add, link_folder])
async def test_a_snapshot_that_is_changed_between_trials_is_mended_before_the_next(
    connect: Any, project: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with connect(project, "mar8") as agent:
        await agent("run_eval", description="baseline")
        act(home_of(project) / "snapshot")
        answer = await agent("run_trial", description="next", content="echo loss: 2\n")
    assert answer["metrics"] == {"loss": 2.0}
    assert [what for what in interference(home_of(project)) if "rebuilt from git" in what]


@pytest.mark.parametrize("act", [rewrite, swap, add, link_folder])
async def test_a_snapshot_that_is_changed_while_no_server_runs_is_mended_before_the_next(
    connect: Any, project: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with connect(project, "mar8") as agent:
        await agent("run_eval", description="baseline")
    act(home_of(project) / "snapshot")
    async with connect(project, "mar8") as agent:
        answer = await agent("run_trial", description="next", content="echo loss: 2\n")
    assert answer["metrics"] == {"loss": 2.0}
    assert [what for what in interference(home_of(project)) if "rebuilt from git" in what]


async def in_another_process(code: str, *words: str) -> None:
    await anyio.run_process([sys.executable, "-c", code, *words])


APPEND = "import sys; open(sys.argv[1], 'ab').write(b'{}\\n')"
TRUNCATE = "import os, sys; os.truncate(sys.argv[1], 100)"
REPLACE = (
    "import os, shutil, sys; shutil.copy(sys.argv[1], sys.argv[1] + 'x'); os.replace(sys.argv[1] + 'x', sys.argv[1])"
)
REMOVE = "import os, sys; os.unlink(sys.argv[1])"
NEW_CHAIN = (
    "import sys; from pathlib import Path; from referee.session.journal import Journal; path = Path(sys.argv[1]);"
    "j = Journal(path); j.append('decided', {'trial': 0, 'decision': 'keep', 'by': 'forger'}, sync=True); j.close()"
)


@pytest.mark.parametrize(
    "code", [APPEND, TRUNCATE, REPLACE, REMOVE, NEW_CHAIN], ids=["append", "cut", "swap", "rm", "forge"]
)
async def test_another_process_at_the_journal_stops_every_write_and_is_named(
    connect: Any, project: Path, home_of: Any, git: Git, code: str
) -> None:
    async with during_a_trial(connect, project) as agent:
        branch = git(project, "rev-parse", "referee/mar8")
        await in_another_process(code, str(home_of(project) / "journal.jsonl"))
        for _ in range(2):
            said = await agent.refused("run_eval", description="slow", wait_seconds=20)
            assert "another process changed or replaced the journal" in said
        assert "another process changed" in await agent.refused("keep")
        assert git(project, "rev-parse", "referee/mar8") == branch


async def test_a_journal_rolled_back_together_with_its_head_is_told_by_the_refs(
    connect: Any, project: Path, home_of: Any, git: Git
) -> None:
    """The chain alone cannot know that its end is missing, when its head was put back as well."""
    async with connect(project, "mar8") as agent:
        await agent("run_eval", description="baseline")
        home = home_of(project)
    saved = {name: (home / name).read_bytes() for name in ("journal.jsonl", "head")}
    async with connect(project, "mar8") as agent:
        await agent("run_trial", description="worse", content="echo loss: 9\n")
    trial = git(project, "rev-parse", "refs/referee/mar8/trials/1")
    for name, data in saved.items():
        (home / name).write_bytes(data)
    assert journal.load(home / "journal.jsonl").records
    async with connect(project, "mar8") as agent:
        said = await agent.refused("run_trial", description="once more", content="echo loss: 8\n")
    assert "trials/1 is a trial of this session that its journal does not know" in said
    assert git(project, "rev-parse", "refs/referee/mar8/trials/1") == trial


def change_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def drop_a_line(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))


def cut_the_end(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("act", [change_a_byte, drop_a_line, cut_the_end])
async def test_a_journal_edited_while_no_server_runs_is_named_and_nothing_goes_on(
    connect: Any, project: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with connect(project, "mar8") as agent:
        await agent("run_eval", description="baseline")
    path = home_of(project) / "journal.jsonl"
    act(path)
    with pytest.raises(JournalError):
        journal.load(path)
    spoiled = path.read_bytes()
    async with connect(project, "mar8") as agent:
        for tool, arguments in (("run_eval", {"description": "x"}), ("read_results", {}), ("keep", {})):
            said = await agent.refused(tool, **arguments)
            assert "line" in said
            assert "referee audit --verify" in said
    assert path.read_bytes() == spoiled


async def test_edited_results_are_put_right_by_the_next_row_and_the_session_does_not_read_them(
    connect: Any, project: Path
) -> None:
    async with during_a_trial(connect, project) as agent:
        (project / "results.tsv").write_text("commit\tloss\nforged\t0\n", encoding="utf-8")
        await finished(agent)
        await agent("keep")
        await agent("append_result")
        shown = await agent("read_results")
    assert "forged" not in str(shown)
    lines = (project / "results.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[1] for line in lines] == ["loss", "3.000000", "2.000000"]


@pytest.mark.promise("your work is yours")
async def test_results_replaced_by_a_link_leave_its_target_untouched(
    connect: Any, project: Path, tmp_path: Path
) -> None:
    other = tmp_path / "bashrc"
    other.write_text("true\n", encoding="utf-8")
    async with during_a_trial(connect, project) as agent:
        (project / "results.tsv").unlink()
        (project / "results.tsv").symlink_to(other)
        await finished(agent)
        await agent("keep")
        await agent("append_result")
    assert other.read_text(encoding="utf-8") == "true\n"
    assert not (project / "results.tsv").is_symlink()
    assert len((project / "results.tsv").read_text(encoding="utf-8").splitlines()) == 3


async def test_results_replaced_by_a_folder_stop_nothing_and_are_told(
    connect: Any, project: Path, home_of: Any
) -> None:
    async with during_a_trial(connect, project) as agent:
        (project / "results.tsv").unlink()
        (project / "results.tsv").mkdir()
        await finished(agent)
        await agent("keep")
        await agent("append_result")
    assert any("results.tsv cannot be written" in what for what in interference(home_of(project)))
    assert len((home_of(project) / "results.tsv").read_text(encoding="utf-8").splitlines()) == 3
    assert os.listdir(project / "results.tsv") == []
    assert [name for name in os.listdir(project) if name.startswith(".results")] == []


async def test_a_project_folder_replaced_by_a_link_is_not_written_through(
    connect: Any, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    top = make_project({f"sub/{name}": text for name, text in FILES.items()})
    other = tmp_path / "other"
    other.mkdir()
    (other / "results.tsv").write_text("mine\n", encoding="utf-8")
    shutil.copy(top / "sub/program.md", other)
    async with during_a_trial(connect, top / "sub") as agent:
        shutil.move(top / "sub", tmp_path / "moved")
        (top / "sub").symlink_to(other)
        await finished(agent)
        await agent("keep")
        await agent("append_result")
    assert (other / "results.tsv").read_text(encoding="utf-8") == "mine\n"
