"""One whole session in a repository that is one trap: nothing planted runs, and what is measured is the true judge."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.session import journal

pytestmark = pytest.mark.anyio

HOOKS = [
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
    "update",
]
PROGRAM = """\
---
target: run.sh
evaluate: {command: sh judge.sh, timeout: 20s}
metrics: {loss: minimize}
---
"""
TRUE_JUDGE = "sh run.sh\necho judged by the true one\n"
FORGED_JUDGE = "echo loss: 0\n"
BETTER = "echo loss: 2\n"
Git = Callable[..., str]


class Traps:
    """Programs that leave a marker when they run; kept outside the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.markers = folder / "markers"
        self.markers.mkdir(parents=True)

    def make(self, name: str, place: Path | None = None) -> Path:
        place = place or self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"#!/bin/sh\ntouch '{self.markers}/{name}'\ncat\nexit 0\n", encoding="utf-8")
        place.chmod(0o755)
        return place

    @property
    def sprung(self) -> list[str]:
        """Names of the traps that ran."""
        return sorted(path.name for path in self.markers.iterdir())


@pytest.fixture
def hostile(
    make_project: Callable[..., Path], git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Traps]:
    project = make_project(
        {"program.md": PROGRAM, "judge.sh": TRUE_JUDGE, ".gitattributes": "* filter=tree diff=tree\n"}
    )
    traps = Traps(tmp_path / "traps")
    plant_hooks(project, traps)
    plant_attributes(project, traps)
    plant_configuration(project, traps, tmp_path)
    plant_replacements(project, git)
    plant_environment(traps, tmp_path, monkeypatch)
    for marker in traps.markers.iterdir():
        marker.unlink()
    return project, traps


def plant_hooks(project: Path, traps: Traps) -> None:
    for name in HOOKS:
        traps.make(f"hook-{name}", project / ".git" / "hooks" / name)
        traps.make(f"hookspath-{name}", traps.folder / "hooks" / name)


def plant_attributes(project: Path, traps: Traps) -> None:
    info = project / ".git" / "info"
    info.joinpath("attributes").write_text("* filter=info diff=info merge=info ident text eol=crlf\n", encoding="utf-8")
    (traps.folder / "attributes").write_text("* filter=global diff=global\n", encoding="utf-8")


def configuration(traps: Traps) -> str:
    """Every key of git's configuration that names a program, as far as plumbing could meet it."""
    trap = traps.make
    drivers = "".join(
        f'[filter "{n}"]\n\tclean = {trap(f"clean-{n}")}\n\tsmudge = {trap(f"smudge-{n}")}\n\trequired = true\n'
        f'[filter "{n}p"]\n\tprocess = {trap(f"process-{n}")}\n'
        f'[diff "{n}"]\n\ttextconv = {trap(f"textconv-{n}")}\n\tcommand = {trap(f"diffcommand-{n}")}\n'
        f'[merge "{n}"]\n\tdriver = {trap(f"mergedriver-{n}")}\n'
        for n in ("tree", "info", "global")
    )
    aliases = "".join(
        f"\t{word} = !{trap(f'alias-{word}')}\n"
        for word in ("cat-file", "hash-object", "mktree", "update-ref", "rev-parse", "for-each-ref", "config")
    )
    return (
        f"[core]\n\thooksPath = {traps.folder}/hooks\n\tfsmonitor = {trap('fsmonitor')}\n\teditor = {trap('editor')}\n"
        f"\tpager = {trap('pager')}\n\tsshCommand = {trap('ssh')}\n\taskPass = {trap('askpass')}\n"
        f"\tgitProxy = {trap('gitproxy')}\n\tattributesFile = {traps.folder}/attributes\n"
        f"\talternateRefsCommand = {trap('alternaterefs')}\n\tuntrackedCache = true\n\tautocrlf = true\n"
        f"[diff]\n\texternal = {trap('diffexternal')}\n[interactive]\n\tdiffFilter = {trap('difffilter')}\n"
        f'[gpg]\n\tprogram = {trap("gpg")}\n[gpg "ssh"]\n\tprogram = {trap("gpgssh")}\n'
        f"\tdefaultKeyCommand = {trap('gpgkey')}\n[commit]\n\tgpgSign = true\n[tag]\n\tgpgSign = true\n"
        f"[user]\n\tsigningKey = x\n\tname = Mallory\n\temail = mallory@example.org\n"
        f"[sequence]\n\teditor = {trap('sequenceeditor')}\n[credential]\n\thelper = !{trap('credential')}\n"
        f"[trace2]\n\teventTarget = {traps.markers}/trace2\n"
        f'[url "ext::{trap("ext")}"]\n\tinsteadOf = https://\n[uploadpack]\n\tpackObjectsHook = {trap("packobjects")}\n'
        f'[remote "origin"]\n\turl = https://x.invalid/x\n\tpromisor = true\n\tpartialclonefilter = blob:none\n'
        f"\tuploadpack = {trap('uploadpack')}\n[extensions]\n\tpartialClone = origin\n"
        f"[gc]\n\tauto = 1\n\trecentObjectsHook = {trap('gchook')}\n[maintenance]\n\tauto = true\n"
        f'[hook "planted"]\n\tcommand = {trap("confighook")}\n\tevent = reference-transaction\n'
        f"{drivers}[alias]\n{aliases}"
    )


def plant_configuration(project: Path, traps: Traps, tmp_path: Path) -> None:
    text = configuration(traps)
    (tmp_path / "included").write_text(text, encoding="utf-8")
    with (project / ".git" / "config").open("a", encoding="utf-8") as file:
        file.write(f"[include]\n\tpath = {tmp_path}/included\n{text}")
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(text, encoding="utf-8")
    (project / ".git" / "config.worktree").write_text(text, encoding="utf-8")


def plant_replacements(project: Path, git: Git) -> None:
    """Forge the judge's blob and the commit's parent, as `git replace` and grafts would."""
    args = ["git", "hash-object", "-w", "--no-filters", "--stdin"]
    done = subprocess.run(
        args, cwd=project, input=FORGED_JUDGE, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    forged = done.stdout.strip()
    true = git(project, "--no-replace-objects", "rev-parse", "HEAD:judge.sh")
    place = project / ".git" / "refs" / "replace" / true
    place.parent.mkdir(parents=True)
    place.write_text(f"{forged}\n", encoding="ascii")
    head = git(project, "--no-replace-objects", "rev-parse", "HEAD")
    (project / ".git" / "info" / "grafts").write_text(f"{head} {head}\n", encoding="ascii")


def plant_environment(traps: Traps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["git", "init", "-q", "--bare", str(elsewhere)], check=True, env={"PATH": os.environ["PATH"]})
    planted = {
        "GIT_DIR": elsewhere,
        "GIT_COMMON_DIR": elsewhere,
        "GIT_WORK_TREE": "/",
        "GIT_INDEX_FILE": tmp_path / "index",
        "GIT_OBJECT_DIRECTORY": elsewhere / "objects",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": elsewhere / "objects",
        "GIT_NAMESPACE": "planted",
        "GIT_EXTERNAL_DIFF": traps.make("env-diff"),
        "GIT_EDITOR": traps.make("env-editor"),
        "GIT_SSH_COMMAND": traps.make("env-ssh"),
        "GIT_ASKPASS": traps.make("env-askpass"),
        "GIT_PAGER": traps.make("env-pager"),
        "GIT_EXEC_PATH": traps.make("env-exec/git-cat-file").parent,
        "GIT_TEMPLATE_DIR": traps.folder,
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": traps.make("env-fsmonitor"),
        "GIT_CONFIG_KEY_1": "core.hooksPath",
        "GIT_CONFIG_VALUE_1": traps.folder / "hooks",
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor'='{traps.folder}/fsmonitor'",
        "GIT_CONFIG_GLOBAL": tmp_path / "included",
        "GIT_CONFIG_SYSTEM": tmp_path / "included",
        "GIT_TRACE": traps.markers / "trace",
        "GIT_TRACE2_EVENT": traps.markers / "trace2env",
        "GIT_REPLACE_REF_BASE": "refs/replace/",
        "GIT_PYTHON_GIT_EXECUTABLE": traps.make("env-git"),
        "GIT_PYTHON_TRACE": "full",
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, str(value))


def test_the_traps_are_armed(hostile: tuple[Path, Traps]) -> None:
    """A person's own git springs them; without this the tests below could pass by a mistake in planting."""
    project, traps = hostile
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def run(*words: str) -> bytes:
        return subprocess.run(
            ["git", *words], cwd=project, env=env, capture_output=True, check=False, timeout=30
        ).stdout

    assert run("cat-file", "blob", "HEAD:judge.sh") == FORGED_JUDGE.encode()
    (project / "judge.sh").write_text("changed\n", encoding="utf-8")
    for words in (
        ["status"],
        ["diff", "HEAD"],
        ["add", "-A"],
        ["commit", "-qm", "x", "--allow-empty"],
        ["update-ref", "refs/a", "HEAD"],
    ):
        run(*words)
    sprung = " ".join(traps.sprung)
    for kind in ("hookspath-reference-transaction", "fsmonitor", "clean-info", "gpg", "diff", "trace2"):
        assert kind in sprung, sprung


async def whole_session(connect: Any, project: Path) -> dict[str, Any]:
    async with connect(project, "mar8") as agent:
        await agent("read_program")
        await agent("read_file", path="judge.sh")
        await agent("edit_target", content=BETTER)
        measured: dict[str, Any] = await agent("run_eval", description="better")
        log = await agent("read_log", trial=1)
        await agent("keep")
        await agent("append_result", description="better")
        await agent("run_trial", description="worse", content="echo loss: 9\n")
        await agent("edit_target", content="echo loss: 8\n")
        await agent("run_eval", description="reverted")
        await agent("revert")
        await agent("edit_target", from_checkout=True)
    async with connect(project, "mar8") as agent:
        await agent("run_trial", description="after a restart", content="echo loss: 1\n")
    return {"measured": measured, "log": log}


def git_as_it_is(project: Path, *words: str) -> str:
    """What the repository holds, read without anything that was planted."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        ["git", *words], cwd=project, env=env, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.strip()


@pytest.mark.promise("frozen judge")
@pytest.mark.promise("your work is yours")
async def test_a_whole_session_springs_no_trap_and_measures_with_the_true_judge(
    connect: Any, hostile: tuple[Path, Traps], home_of: Any
) -> None:
    project, traps = hostile
    answers = await whole_session(connect, project)
    assert traps.sprung == []
    assert answers["measured"]["metrics"] == {"loss": 2.0}
    assert "judged by the true one" in json.dumps(answers["log"])
    home = home_of(project)
    assert (home / "snapshot" / "judge.sh").read_text(encoding="utf-8") == TRUE_JUDGE
    metrics = [
        record.data["measurement"]["metrics"]["loss"]
        for record in journal.load(home / "journal.jsonl").records
        if record.kind == "trial_measured"
    ]
    assert metrics == [3.0, 2.0, 9.0, 8.0, 1.0]
    assert traps.sprung == []


async def test_what_a_session_leaves_in_such_a_repository_is_unfiltered_and_signed_by_nobody(
    connect: Any, hostile: tuple[Path, Traps], tmp_path: Path
) -> None:
    project, _ = hostile
    await whole_session(connect, project)
    place = project / ".git" / "refs" / "heads" / "referee" / "mar8"
    commit = place.read_text(encoding="ascii").strip()
    (project / ".git" / "config").write_text("[core]\n\trepositoryFormatVersion = 0\n", encoding="utf-8")
    assert git_as_it_is(project, "cat-file", "blob", f"{commit}:run.sh") == "echo loss: 1"
    raw = git_as_it_is(project, "cat-file", "commit", commit)
    assert "gpgsig" not in raw
    assert "author Referee <referee@localhost>" in raw
    assert "Mallory" not in raw
    assert list((tmp_path / "elsewhere" / "objects").rglob("??/*")) == []
    assert not (tmp_path / "index").exists()
    git_as_it_is(project, "fsck", "--strict")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
async def test_a_repository_of_another_owner_is_measured_without_an_exception_for_it(
    connect: Any, make_project: Callable[..., Path]
) -> None:
    project = make_project({"program.md": PROGRAM, "judge.sh": TRUE_JUDGE})
    for place in (project, *project.rglob("*")):
        os.chown(place, 65534, 65534, follow_symlinks=False)
    refused = await anyio.run_process(["git", "status"], cwd=project, check=False)
    assert b"dubious ownership" in refused.stderr
    async with connect(project, "mar8") as agent:
        answer = await agent("run_trial", description="better", content=BETTER)
    assert answer["metrics"] == {"loss": 2.0}


async def test_a_served_session_ignores_the_variables_it_was_started_with(
    hostile: tuple[Path, Traps], tmp_path: Path
) -> None:
    """The same through the process that clients start, whose environment is theirs."""
    from mcp import Client, StdioServerParameters  # noqa: PLC0415 - only this test needs a process

    project, traps = hostile
    words = ["-m", "referee", "serve", "--repo", str(project), "--tag", "mar9"]
    server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ), cwd=str(tmp_path))
    async with Client(server) as client:
        result = await client.call_tool("run_trial", {"description": "better", "content": BETTER})
        assert not result.is_error, result.content
    assert traps.sprung == []
    assert (project / ".git/refs/heads/referee/mar9").exists()
