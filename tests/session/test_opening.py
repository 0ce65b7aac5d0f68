"""What cannot carry a session is refused by name before anything is written; what can is opened, however it lies."""

import hashlib
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox.errors import RefereeError
from referee.session import opening
from referee.session.errors import JournalError, RepositoryError
from referee.session.holder import Holder
from referee.session.places import find_checkout
from referee.session.results import choose_name

PersonsGit = Callable[..., str]
Make = Callable[..., Path]
PROGRAM = """\
---
target: %s
evaluate: {command: %s, timeout: 20s}
metrics: {loss: minimize}
---
"""


def program(target: str = "run.sh", command: str = "sh run.sh") -> str:
    return PROGRAM % (target, command)


def everything(folder: Path) -> dict[str, bytes | str]:
    """Every path below a folder with what it holds."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = f"{stat.S_IFMT(path.lstat().st_mode):o}"
    return found


def refusal(opened: Any, folder: Path, tag: str | None = "mar8") -> str:
    """Why no session can be opened; the project must be as it was before."""
    top = next(place for place in (folder, *folder.parents) if place.is_dir())
    before = everything(top)
    with pytest.raises(RefereeError) as fault, opened(folder, tag):
        pytest.fail("the session was opened")
    assert everything(top) == before
    return str(fault.value)


# --- the target --------------------------------------------------------------------------------------------------


def test_a_target_that_is_nowhere_is_refused(opened: Any, make_project: Make) -> None:
    said = refusal(opened, make_project({"program.md": program("gone.py")}))
    assert "target gone.py: does not exist at HEAD" in said


def test_a_target_that_is_not_tracked_is_refused_with_the_command(opened: Any, make_project: Make) -> None:
    project = make_project({"program.md": program("new.py")})
    (project / "new.py").write_text("x\n", encoding="utf-8")
    assert "git add new.py" in refusal(opened, project)


def test_a_target_of_another_case_is_another_file(opened: Any, make_project: Make) -> None:
    assert "RUN.SH: does not exist" in refusal(opened, make_project({"program.md": program("RUN.SH")}))


@pytest.mark.parametrize(
    "path",
    ["../other", "./run.sh", "a//run.sh", "/etc/passwd", "-rf", "~/x", ".git/config", ".GIT/config", "a/../run.sh"],
)
def test_a_target_in_a_crooked_spelling_is_refused(opened: Any, make_project: Make, path: str) -> None:
    assert "target" in refusal(opened, make_project({"program.md": program(f"'{path}'")}))


def test_a_target_that_is_a_link_in_the_tree_is_refused(opened: Any, make_project: Make, git: PersonsGit) -> None:
    project = make_project({"program.md": program("link.py"), "judge.py": "x\n"})
    (project / "link.py").symlink_to("judge.py")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "link")
    assert "link.py: is a symbolic link" in refusal(opened, project)


def test_a_target_below_a_link_in_the_tree_is_refused(opened: Any, make_project: Make, git: PersonsGit) -> None:
    project = make_project({"program.md": program("inner/judge.py"), "real/judge.py": "x\n"})
    (project / "inner").symlink_to("real")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "link")
    assert "inner/judge.py: is not tracked" in refusal(opened, project)


def test_a_target_that_is_a_folder_or_a_submodule_is_refused(opened: Any, make_project: Make, git: PersonsGit) -> None:
    project = make_project({"program.md": program("sub"), "sub/file": "x\n"})
    assert "sub: is a folder" in refusal(opened, project)
    head = git(project, "rev-parse", "HEAD")
    git(project, "rm", "-rqf", "sub")
    git(project, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    git(project, "commit", "-qm", "submodule")
    assert "sub: is a submodule" in refusal(opened, project)


def to_link(place: Path) -> None:
    place.rename(place.with_name("real"))
    place.symlink_to("real")


def to_hard_link(place: Path) -> None:
    os.link(place, place.with_name("other name"))


def to_pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def to_folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


def to_nothing(place: Path) -> None:
    place.unlink()


def to_socket(place: Path) -> None:
    place.unlink()
    here = Path.cwd()
    os.chdir(place.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)
    finally:
        os.chdir(here)


KINDS = [to_link, to_hard_link, to_pipe, to_folder, to_nothing, to_socket]


@pytest.mark.parametrize("act", KINDS, ids=lambda act: act.__name__)
@pytest.mark.parametrize("target", ["run.sh", "src/deep/train.sh"])
def test_a_target_that_is_no_plain_file_in_the_checkout_is_refused_at_once(
    opened: Any, make_project: Make, act: Callable[[Path], None], target: str
) -> None:
    project = make_project({"program.md": program(target), "src/deep/train.sh": "echo loss: 1\n"})
    act(project / target)
    assert f"target {target}" in refusal(opened, project)


def test_a_target_below_a_folder_that_became_a_link_is_refused(opened: Any, make_project: Make) -> None:
    project = make_project({"program.md": program("src/train.sh"), "src/train.sh": "echo loss: 1\n"})
    shutil.move(project / "src", project.parent / "elsewhere")
    (project / "src").symlink_to(project.parent / "elsewhere")
    assert "target src/train.sh" in refusal(opened, project)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"caf\xe9\n", "not UTF-8"), (b"a\0b\n", "NUL"), (b"x" * 1_000_001, "at most"), (b"\xff\xfea\0", "not UTF-8")],
    ids=["latin", "nul", "large", "utf-16"],
)
def test_a_target_that_is_no_text_of_a_bounded_size_is_refused(
    opened: Any, project: Path, git: PersonsGit, data: bytes, said: str
) -> None:
    (project / "run.sh").write_bytes(data)
    git(project, "commit", "-qam", "no text")
    assert said in refusal(opened, project)


def test_a_target_that_is_an_lfs_pointer_is_refused(opened: Any, make_project: Make) -> None:
    oid = hashlib.sha256(b"big").hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 3\n"
    assert "LFS" in refusal(opened, make_project({"run.sh": pointer}))


# --- the repository ----------------------------------------------------------------------------------------------


def test_a_folder_outside_any_repository_is_refused(opened: Any, tmp_path: Path) -> None:
    assert "not inside a git repository" in refusal(opened, tmp_path)


def test_a_folder_that_is_not_there_is_refused(opened: Any, tmp_path: Path) -> None:
    assert "not a folder" in refusal(opened, tmp_path / "nowhere")


def test_a_repository_without_a_commit_is_refused(opened: Any, tmp_path: Path, git: PersonsGit) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "program.md").write_text(program(), encoding="utf-8")
    assert "there is no commit yet" in refusal(opened, tmp_path)


def test_a_bare_repository_is_refused(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project.parent, "clone", "-q", "--bare", str(project), "bare")
    assert "a bare repository has no files to measure" in refusal(opened, project.parent / "bare")


def test_a_reftable_repository_is_refused_by_name(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project, "config", "core.repositoryFormatVersion", "1")
    git(project, "config", "extensions.refStorage", "reftable")
    assert "reftable" in refusal(opened, project)


@pytest.mark.parametrize("wreck", ["empty folder", "pipe", "text", "dangling", "no HEAD"])
def test_a_broken_git_directory_is_refused_at_once(opened: Any, project: Path, wreck: str) -> None:
    place = project / ".git"
    if wreck == "no HEAD":
        (place / "HEAD").unlink()
    else:
        place.rename(project.parent / "away")
    if wreck == "empty folder":
        place.mkdir()
    elif wreck == "pipe":
        os.mkfifo(place)
    elif wreck in {"text", "dangling"}:
        place.write_text("hello" if wreck == "text" else "gitdir: /nowhere", encoding="utf-8")
    assert refusal(opened, project)


def test_a_program_that_is_a_pipe_is_refused_at_once(opened: Any, project: Path) -> None:
    (project / "program.md").unlink()
    os.mkfifo(project / "program.md")
    assert refusal(opened, project)


# --- clean -------------------------------------------------------------------------------------------------------


def test_a_dirty_target_is_refused_by_name(opened: Any, project: Path) -> None:
    (project / "run.sh").write_text("echo loss: 0\n", encoding="utf-8")
    assert "not as committed: run.sh was changed" in refusal(opened, project)


@pytest.mark.parametrize("command", ["sh judge.sh", "./judge.sh", "sh ./judge.sh", "sh sub/../judge.sh"])
def test_a_dirty_evaluator_named_by_the_command_is_refused(opened: Any, make_project: Make, command: str) -> None:
    project = make_project({"program.md": program(command=command), "judge.sh": "#!/bin/sh\nsh run.sh\n", "sub/x": ""})
    (project / "judge.sh").write_text("#!/bin/sh\necho loss: 0\n", encoding="utf-8")
    (project / "judge.sh").chmod(0o755)
    assert "judge.sh was changed" in refusal(opened, project)


def test_a_deleted_evaluator_is_refused(opened: Any, make_project: Make) -> None:
    project = make_project({"program.md": program(command="sh judge.sh"), "judge.sh": "sh run.sh\n"})
    (project / "judge.sh").unlink()
    assert "judge.sh was deleted" in refusal(opened, project)


@pytest.mark.parametrize("act", KINDS[:5], ids=lambda act: act.__name__)
def test_another_dirty_file_is_only_warned_of(opened: Any, make_project: Make, act: Callable[[Path], None]) -> None:
    project = make_project({"notes/data.txt": "1\n"})
    act(project / "notes/data.txt")
    if act is to_hard_link:
        (project / "notes/data.txt").write_text("2\n", encoding="utf-8")
    with opened(project) as session:
        warnings = session.journal.records[0].data["warnings"]
    assert any("notes/data.txt" in said and "measured as committed" in said for said in warnings)


def test_an_endless_file_in_place_of_a_tracked_one_is_not_read_to_its_end(opened: Any, make_project: Make) -> None:
    project = make_project({"data.txt": "1\n"})
    os.truncate(project / "data.txt", 1 << 42)
    with opened(project) as session:
        assert "data.txt was changed" in session.journal.records[0].data["warnings"][0]


def test_a_folder_that_leads_in_circles_is_only_warned_of(opened: Any, make_project: Make) -> None:
    project = make_project({"notes/data.txt": "1\n"})
    shutil.rmtree(project / "notes")
    (project / "notes").symlink_to("notes")
    with opened(project) as session:
        assert "notes/data.txt" in session.journal.records[0].data["warnings"][0]
        assert session.ground.watch.interference() == []


def test_a_folder_that_became_a_link_to_equal_files_is_warned_of(opened: Any, make_project: Make) -> None:
    """Files are compared through no link, wherever in the path it stands."""
    project = make_project({"notes/data.txt": "1\n"})
    shutil.move(project / "notes", project.parent / "elsewhere")
    (project / "notes").symlink_to(project.parent / "elsewhere")
    with opened(project) as session:
        assert "notes/data.txt" in session.journal.records[0].data["warnings"][0]


def test_line_endings_normalised_by_git_count_as_clean(opened: Any, make_project: Make, git: PersonsGit) -> None:
    project = make_project({"judge.sh": "sh run.sh\n", "program.md": program(command="sh judge.sh")})
    git(project, "config", "core.autocrlf", "true")
    for name in ("run.sh", "judge.sh"):
        (project / name).unlink()
    git(project, "checkout", "-q", "--", ".")
    assert b"\r\n" in (project / "run.sh").read_bytes()
    with opened(project) as session:
        assert session.journal.records[0].data["warnings"] == []
        assert session.text(session.state.draft) == (project / "run.sh").read_text(encoding="utf-8")


# --- refs and tags -----------------------------------------------------------------------------------------------


def test_a_branch_called_referee_is_refused_with_the_command(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project, "branch", "referee")
    assert "git branch -m referee" in refusal(opened, project)
    git(project, "pack-refs", "--all")
    assert "git branch -m referee" in refusal(opened, project)


def test_a_branch_that_is_checked_out_in_any_worktree_is_refused(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project, "checkout", "-q", "-b", "referee/mar8")
    assert refusal(opened, project)
    git(project, "checkout", "-q", "main")
    git(project, "worktree", "add", "-q", "../side", "referee/mar8")
    assert refusal(opened, project)


def test_an_unborn_branch_of_that_name_is_refused(opened: Any, project: Path, git: PersonsGit) -> None:
    git(project, "worktree", "add", "-q", "--detach", "../side")
    git(project.parent / "side", "symbolic-ref", "HEAD", "refs/heads/referee/mar8")
    assert "is checked out" in refusal(opened, project)


@pytest.mark.parametrize("ref", ["refs/referee/mar8/trials/1", "refs/referee/mar8", "refs/heads/referee/mar8/x"])
def test_refs_of_a_lost_session_are_refused_and_the_way_out_works(
    opened: Any, project: Path, git: PersonsGit, ref: str
) -> None:
    git(project, "update-ref", ref, "HEAD")
    said = refusal(opened, project)
    command = said.split("`")[1]
    subprocess.run(["sh", "-c", command], cwd=project, check=True)  # the sentence gives this line to a person
    with opened(project):
        pass


@pytest.mark.parametrize(
    "tag", ["../x", "-x", "a..b", "", ".", "..", "a/b", "a b", "x.lock", "x.", "é", "a\n", "a" * 65, "/etc"]
)
def test_a_tag_that_could_lead_elsewhere_is_refused(opened: Any, project: Path, tag: str) -> None:
    assert f"tag {tag!r}: expected" in refusal(opened, project, tag)


@pytest.mark.parametrize("tag", ["git", "HEAD", "lock", "a", "0", "a.b_c-d", "x" * 64])
def test_a_tag_that_is_allowed_collides_with_nothing_of_ours(opened: Any, project: Path, tag: str) -> None:
    with opened(project, tag) as session:
        assert session.state.opened.tag == tag
        assert not session.project.git.dir.is_relative_to(session.state_home)
    with opened(project, tag) as again:
        assert [record.kind for record in again.journal.records][:2] == ["opened", "resumed"]


# --- state, pointers, results ------------------------------------------------------------------------------------


def test_the_state_is_closed_to_other_users_whatever_the_umask(opened: Any, project: Path, home_of: Any) -> None:
    before = os.umask(0)
    try:
        with opened(project):
            pass
    finally:
        os.umask(before)
    for place in (home_of(project), home_of(project).parent):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_state_folder_that_stood_open_is_closed(opened: Any, project: Path) -> None:
    home = find_checkout(project).state_home() / "mar8"
    home.mkdir(parents=True)
    home.chmod(0o777)
    with opened(project):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_state_folder_inside_the_checkout_is_refused(
    opened: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFEREE_STATE_DIR", str(project / "state"))
    assert "REFEREE_STATE_DIR" in refusal(opened, project)


def test_the_pointer_wins_over_another_environment(
    opened: Any, project: Path, home_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(project):
        home = home_of(project)
    monkeypatch.setenv("REFEREE_STATE_DIR", str(tmp_path / "other state"))
    with opened(project) as again:
        assert again.state_home == home


def plant(project: Path, text: str) -> Path:
    pointer = project / ".git" / "referee-sessions" / "mar8"
    pointer.parent.mkdir()
    pointer.write_text(text, encoding="utf-8")
    return pointer


@pytest.mark.parametrize("text", ["", "\n", "relative", ".", "..", "{project}", "{project}/x", "{project}/.git/x", "/"])
def test_a_planted_pointer_never_makes_the_state_lie_where_it_says(opened: Any, project: Path, text: str) -> None:
    """A repository can be unpacked with its .git folder; what stands in it is hostile."""
    plant(project, text.format(project=project))
    here = Path.cwd()
    os.chdir(project)
    try:
        said = refusal(opened, project)
    finally:
        os.chdir(here)
    assert "referee-sessions/mar8" in said


def test_a_pointer_to_a_state_that_was_deleted_is_opened_anew(
    opened: Any, project: Path, home_of: Any, git: PersonsGit
) -> None:
    with opened(project):
        home = home_of(project)
    shutil.rmtree(home)
    assert "its state does not" in refusal(opened, project)
    refs = git(project, "for-each-ref", "--format=delete %(refname)", "refs/referee", "refs/heads/referee")
    for line in refs.splitlines():
        git(project, "update-ref", "-d", line.removeprefix("delete "))
    with opened(project) as session:
        assert session.state_home == home


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling link"])
def test_a_pointer_that_is_no_plain_file_breaks_nothing_else(opened: Any, project: Path, kind: str) -> None:
    pointers = project / ".git" / "referee-sessions"
    pointers.mkdir()
    if kind == "folder":
        (pointers / "other").mkdir()
    elif kind == "pipe":
        os.mkfifo(pointers / "other")
    else:
        (pointers / "other").symlink_to("nowhere")
    with opened(project) as session:
        assert session.state.opened.tag == "mar8"


def test_a_folder_of_pointers_that_is_a_link_is_refused(opened: Any, project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / ".git" / "referee-sessions").symlink_to(tmp_path / "elsewhere")
    assert "referee-sessions" in refusal(opened, project)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_forged_session_with_another_contract_than_it_claims_is_refused(
    opened: Any, make_project: Make, home_of: Any, tmp_path: Path
) -> None:
    """The opening record's contract is what is run; its digest alone is what the program is compared with."""
    project = make_project()
    with opened(project):
        home = home_of(project)
    from referee.session.journal import Journal  # noqa: PLC0415 - the forger's tool

    true = Journal(home / "journal.jsonl")
    forged = tmp_path / "forged" / "mar8"
    shutil.copytree(home, forged, symlinks=True)
    for name in ("journal.jsonl", "head"):
        (forged / name).unlink()
    data = dict(true.records[0].data)
    true.close()
    data["contract"] = {**data["contract"], "metrics": {"other": {"goal": "maximize"}}}
    journal = Journal(forged / "journal.jsonl")
    journal.append("opened", data, sync=True)
    journal.close()
    (project / ".git" / "referee-sessions" / "mar8").write_text(f"{forged}\n", encoding="utf-8")
    with pytest.raises(RefereeError, match="contract"), opened(project):
        pass


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling", "tracked", "pipe"])
def test_a_results_file_that_is_not_ours_is_never_touched(
    opened: Any, project: Path, tmp_path: Path, git: PersonsGit, kind: str
) -> None:
    place, other = project / "results.tsv", tmp_path / "other.tsv"
    other.write_text("mine\n", encoding="utf-8")
    if kind in {"file", "tracked"}:
        place.write_text("mine\n", encoding="utf-8")
    elif kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(other if kind == "link" else tmp_path / "nowhere")
    if kind == "tracked":
        git(project, "add", "results.tsv")
        git(project, "commit", "-qm", "results")
        place.unlink()
    before = everything(project)
    with opened(project) as session:
        assert session.state.opened.results == "results-mar8.tsv"
    after = everything(project)
    assert {name: after.get(name) for name in before if not name.startswith(".git")} == {
        name: held for name, held in before.items() if not name.startswith(".git")
    }
    assert other.read_text(encoding="utf-8") == "mine\n"
    assert not (tmp_path / "nowhere").exists()


def test_both_names_of_the_results_taken_is_refused(opened: Any, project: Path) -> None:
    for name in ("results.tsv", "results-mar8.tsv"):
        (project / name).write_text("mine\n", encoding="utf-8")
    assert "results-mar8.tsv both exist" in refusal(opened, project)


def test_a_tracked_name_is_taken_even_where_the_file_is_gone(tmp_path: Path) -> None:
    assert choose_name(tmp_path, "a", ["results.tsv"]) == "results-a.tsv"


def test_the_results_are_excluded_in_the_common_directory_of_a_worktree(
    opened: Any, project: Path, git: PersonsGit
) -> None:
    git(project, "worktree", "add", "-q", "--detach", "../side")
    side = project.parent / "side"
    with opened(side):
        assert (side / "results.tsv").exists()
        assert git(side, "status", "--porcelain") == ""
    assert "/results.tsv" in (project / ".git/info/exclude").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "name", ["sub", "a b", "[x]", "a*b?", "back\\slash", "!x", "#x", "two\nlines", "$(touch x)", "trail "]
)
def test_a_project_in_any_subfolder_is_measured_there_and_stays_clean(
    opened: Any, make_project: Make, git: PersonsGit, name: str
) -> None:
    project = make_project({f"{name}/program.md": program(), f"{name}/run.sh": "echo loss: 1\n", "x": "", "lines": ""})
    before = (project / ".git/info/exclude").read_text(encoding="utf-8")
    with opened(project / name) as session:
        assert session.target_path() == f"{name}/run.sh"
        assert (project / name / "results.tsv").is_file()
        assert git(project, "status", "--porcelain") == ""
    added = (project / ".git/info/exclude").read_text(encoding="utf-8").removeprefix(before).splitlines()
    assert all(line.endswith("results.tsv") or ".results.tsv" in line for line in added), added


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "linked folder"])
def test_an_exclude_file_that_leads_elsewhere_is_not_written_through(
    opened: Any, project: Path, tmp_path: Path, kind: str
) -> None:
    """`.git/info/exclude -> ~/.bashrc` would give a hostile folder's name to a shell."""
    other, place = tmp_path / "bashrc", project / ".git/info/exclude"
    other.write_text("true\n", encoding="utf-8")
    place.unlink()
    if kind in {"link", "dangling"}:
        place.symlink_to(other if kind == "link" else tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.parent.rmdir()
        place.parent.symlink_to(tmp_path)
        (tmp_path / "exclude").write_text("true\n", encoding="utf-8")
    with opened(project):
        pass
    assert other.read_text(encoding="utf-8") == "true\n"
    assert not (tmp_path / "nowhere").exists()
    if kind == "linked folder":
        assert (tmp_path / "exclude").read_text(encoding="utf-8") == "true\n"


# --- LFS ---------------------------------------------------------------------------------------------------------


def test_an_lfs_file_is_refused_without_its_object_and_frozen_with_it(opened: Any, make_project: Make) -> None:
    oid = hashlib.sha256(b"big data\n").hexdigest()
    project = make_project({"big.bin": f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 9\n"})
    (project / "big.bin").write_bytes(b"big data\n")
    with pytest.raises(RepositoryError, match=r"big\.bin: its LFS object is not in the local store"), opened(project):
        pass
    store = project / ".git/lfs/objects" / oid[:2] / oid[2:4]
    store.mkdir(parents=True)
    (store / oid).write_bytes(b"big data\n")
    with opened(project) as session:
        assert (session.state_home / "snapshot/big.bin").read_bytes() == b"big data\n"
        assert session.journal.records[0].data["warnings"] == []


# --- who opens, and when it breaks off ---------------------------------------------------------------------------


def test_a_second_process_is_told_who_holds_the_session(opened: Any, project: Path) -> None:
    with opened(project), pytest.raises(JournalError, match=f"held by pid {os.getpid()}"), opened(project):
        pass


def test_two_servers_that_open_the_same_new_tag_share_one_opening_record(
    opened: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second found no session, and gets the lock after the first has opened, worked and left."""
    first_done = False
    take = Holder.take

    def late(self: Holder) -> None:
        nonlocal first_done
        if not first_done:
            first_done = True
            with opened(project) as first:
                first.record("call", {"tool": "of the first"})
        take(self)

    monkeypatch.setattr(Holder, "take", late)
    with pytest.raises(RepositoryError, match="opened by another process just now"), opened(project):
        pass
    with opened(project) as second:
        kinds = [record.kind for record in second.journal.records]
    assert kinds.count("opened") == 1
    assert kinds.count("resumed") == 1


@pytest.mark.parametrize(
    "step",
    ["Journal", "results.exclude", "Snapshot.open", "Watch.start", "Refs.settle", "Session.publish", "Session.settle"],
)
def test_an_opening_that_breaks_off_at_any_step_is_finished_by_the_next(
    opened: Any, project: Path, git: PersonsGit, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        pass

    def broken(*_: Any, **__: Any) -> None:
        raise Killed

    owner, _, name = step.rpartition(".")
    holder: Any = getattr(opening, owner) if owner else opening
    with monkeypatch.context() as patch:
        patch.setattr(holder, name, broken)
        with pytest.raises(Killed), opened(project):
            pass
    with opened(project) as session:
        records = session.journal.records
        assert session.ground.snapshot.verify() == []
        assert [record.kind for record in records].count("opened") == 1
        assert [record.data for record in records if record.kind == "interference"] == []
        assert git(project, "rev-parse", "referee/mar8") == session.state.opened.base
        assert git(project, "status", "--porcelain") == ""
    with opened(project):
        pass


def test_a_journal_whose_first_line_was_torn_is_opened_anew(opened: Any, project: Path) -> None:
    home = find_checkout(project).state_home() / "mar8"
    home.mkdir(parents=True)
    (home / "journal.jsonl").write_bytes(b'{"seq":1,"ti')
    with opened(project):
        pass
    with opened(project) as again:
        assert [record.kind for record in again.journal.records][:2] == ["opened", "resumed"]


def test_a_resume_that_fails_lets_the_session_go(opened: Any, project: Path) -> None:
    with opened(project):
        pass
    lock = project / ".git/refs/referee/mar8/best.lock"
    (project / ".git/refs/referee/mar8/best").unlink()
    lock.touch()
    faults: list[RefereeError] = []
    for _ in range(2):
        with pytest.raises(RepositoryError, match=r"best\.lock") as fault, opened(project):
            pass
        faults.append(fault.value)  # kept, with its frames, as a server's log might
    lock.unlink()
    with opened(project) as session:
        assert session.state.opened.tag == "mar8"


def test_a_base_commit_that_was_collected_is_named(opened: Any, project: Path, git: PersonsGit) -> None:
    with opened(project) as session:
        base = session.state.opened.base
    for ref in git(project, "for-each-ref", "--format=%(refname)", "refs/referee", "refs/heads/referee").split():
        git(project, "update-ref", "-d", ref)
    git(project, "checkout", "-q", "--orphan", "fresh")
    git(project, "commit", "-qm", "fresh")
    git(project, "branch", "-D", "main")
    git(project, "reflog", "expire", "--expire=now", "--all")
    git(project, "gc", "-q", "--prune=now")
    with pytest.raises(RepositoryError, match=f"commit {base[:7]}.*missing"), opened(project):
        pass


def test_the_base_is_safe_from_the_persons_garbage_collection(opened: Any, project: Path, git: PersonsGit) -> None:
    with opened(project):
        pass
    git(project, "checkout", "-q", "--orphan", "fresh")
    git(project, "commit", "-qm", "fresh")
    git(project, "branch", "-D", "main")
    git(project, "reflog", "expire", "--expire=now", "--all")
    git(project, "gc", "-q", "--prune=now")
    with opened(project) as session:
        assert session.text(session.state.draft).startswith("echo loss: 3")


# --- inputs ------------------------------------------------------------------------------------------------------


def test_a_declared_input_behind_a_link_is_fingerprinted_by_its_content(
    opened: Any, make_project: Make, tmp_path: Path
) -> None:
    (tmp_path / "real.csv").write_text("1\n", encoding="utf-8")
    (tmp_path / "data.csv").symlink_to("real.csv")
    text = program().replace("metrics:", f"sandbox: {{inputs: ['{tmp_path}/data.csv']}}\nmetrics:")
    project = make_project({"program.md": text})
    with opened(project) as session:
        assert session.ground.pins.moved() == []
        (tmp_path / "real.csv").write_text("2\n", encoding="utf-8")
        assert session.ground.pins.moved() == [f"{tmp_path}/data.csv"]
        assert session.ground.pins.moved() == [f"{tmp_path}/data.csv"]


@pytest.mark.parametrize("folder", [False, True])
def test_an_input_that_disappears_is_named(opened: Any, make_project: Make, tmp_path: Path, folder: bool) -> None:  # noqa: FBT001
    place = tmp_path / "data"
    if folder:
        place.mkdir()
        (place / "file").write_text("1\n", encoding="utf-8")
    else:
        place.write_text("1\n", encoding="utf-8")
    text = program().replace("metrics:", f"sandbox: {{inputs: ['{place}']}}\nmetrics:")
    project = make_project({"program.md": text})
    with opened(project) as session:
        place.rename(tmp_path / "away")
        assert session.ground.pins.moved()[0].startswith(str(place))
    with opened(project) as again:
        assert again.stale_inputs == [str(place)]


def test_a_program_in_the_checkout_may_change_there_without_stopping_the_session(
    opened: Any, make_project: Make, git: PersonsGit
) -> None:
    """What runs is the frozen one; a later difference of the checkout is interference and stops nothing."""
    project = make_project({"program.md": program(command="./judge.sh"), "judge.sh": "#!/bin/sh\nsh run.sh\n"})
    (project / "judge.sh").chmod(0o755)
    git(project, "commit", "-qam", "executable")
    with opened(project) as session:
        (project / "judge.sh").write_text("#!/bin/sh\necho loss: 0\n", encoding="utf-8")
        assert session.ground.pins.moved() == []
        assert "judge.sh in the checkout was changed" in session.ground.watch.interference()[0]
