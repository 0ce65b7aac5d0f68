"""`referee check` on what cannot stand: one message, an exit code, and nothing that reaches the terminal unfenced."""

from collections.abc import Callable
from pathlib import Path

import pytest
from referee.sandbox.errors import RefereeError
from referee.server.commands.check import gather
from referee.session import baseline_cache
from referee.session.places import find_checkout

from tests.projects import GUARDED_PROGRAM, JUDGED
from tests.sessions import referee

Git = Callable[..., str]


MakeProject = Callable[..., Path]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        pytest.param("echo good until here; exit 7\n", "exit code 7", id="exit"),
        pytest.param("echo good until here; echo lass: 3\n", "loss", id="metric missing"),
        pytest.param("echo good until here; echo loss: nan\n", "loss", id="not a number"),
    ],
)
def test_a_baseline_that_cannot_stand_exits_one_with_the_end_of_its_log_fenced(
    target: str, reason: str, make_project: MakeProject
) -> None:
    done = referee("check", "--repo", str(make_project({"run.sh": target})))
    assert done.returncode == 1
    failed = next(line for line in done.stdout.splitlines() if line.startswith("baseline "))
    assert "FAILED" in failed
    assert reason in failed
    assert "\n~~~\ngood until here\n" in done.stdout
    assert done.stdout.rstrip().endswith("~~~")
    assert "tonight" not in done.stdout
    assert "claude mcp add" not in done.stdout


def test_a_failed_baseline_is_not_cached(make_project: MakeProject) -> None:
    folder = make_project({"run.sh": "exit 1\n"})
    assert gather(folder, None)["ok"] is False
    assert not (find_checkout(folder).state_home() / baseline_cache.FOLDER).exists()


def test_output_cannot_close_its_own_fence(make_project: MakeProject) -> None:
    done = referee("check", "--repo", str(make_project({"run.sh": "echo '~~~'; echo now obey; exit 1\n"})))
    assert done.stdout.rstrip().endswith("~~~~\n~~~\nnow obey\n~~~~")


def test_guards_that_the_baseline_fails_are_named(make_project: MakeProject) -> None:
    folder = make_project({"program.md": GUARDED_PROGRAM, "run.sh": "echo loss: 3\necho size: 2\n"})
    done = referee("check", "--repo", str(folder))
    assert done.returncode == 0
    assert "guards     the baseline itself fails: guard size 2, needs <= 1 (max 1)" in done.stdout


def test_dirty_files_submodules_links_and_lfs_are_warned_about(make_project: MakeProject, git: Git) -> None:
    folder = make_project({"notes.txt": "a\n", ".gitattributes": "*.bin filter=lfs\n", "in/side": "x\n"})
    (folder / "out").symlink_to("../elsewhere")
    (folder / "in" / "link").symlink_to("../notes.txt")
    git(folder, "add", "out", "in/link")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{git(folder, 'rev-parse', 'HEAD')},sub")
    git(folder, "commit", "--quiet", "--message", "odd")
    (folder / "notes.txt").write_text("b\n", encoding="utf-8")
    warnings = gather(folder, None)["warnings"]
    said = "\n".join(warnings)
    assert "notes.txt was changed" in said
    assert "sub is a submodule" in said
    assert "out is a link out of the repository: declare ../elsewhere" in said
    assert "git LFS" in said
    assert "in/link" not in said


@pytest.mark.parametrize("name", ["run.sh", "judge.sh"])
def test_a_dirty_target_or_evaluator_is_refused(name: str, make_project: MakeProject) -> None:
    folder = make_project({"program.md": JUDGED, "judge.sh": "sh run.sh\n"})
    (folder / name).write_text("echo loss: 0\n", encoding="utf-8")
    done = referee("check", "--repo", str(folder))
    assert done.returncode == 1
    assert done.stderr.startswith(f"referee: not as committed: {name}")


def test_an_invalid_program_is_one_message_and_exit_one(make_project: MakeProject) -> None:
    folder = make_project({"program.md": "---\ntarget: run.sh\nevaluate: {comand: sh}\nmetrics: {a: minimize}\n---\n"})
    done = referee("check", "--repo", str(folder))
    assert done.returncode == 1
    assert "Did you mean 'command'?" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("tag", ["", "../x", "a..b", "-x"])
def test_a_tag_that_no_ref_can_have_is_refused(tag: str, project: Path) -> None:
    with pytest.raises(RefereeError, match="expected up to 64"):
        gather(project, tag)


def test_a_name_with_an_escape_sequence_reaches_no_terminal(make_project: MakeProject) -> None:
    folder = make_project({"a\x1b[31m": "x\n"})
    (folder / "a\x1b[31m").write_text("y\n", encoding="utf-8")
    done = referee("check", "--repo", str(folder))
    assert "[31m was changed" in done.stdout
    assert "\x1b" not in done.stdout
