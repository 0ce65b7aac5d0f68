"""Programs of a hostile repository that must not run, in every place where git would look for one."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.session.forging import stored

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


TRUE_JUDGE = "sh run.sh\necho judged by the true one\n"


FORGED_JUDGE = "echo loss: 0\n"


Git = Callable[..., str]


class Traps:
    """Programs that leave a marker when they run; kept outside the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.markers = folder / "markers"
        self.markers.mkdir(parents=True)

    def make(self, name: str, place: Path | None = None) -> Path:
        """Make one that leaves its name as a marker."""
        place = place or self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"#!/bin/sh\ntouch '{self.markers}/{name}'\ncat\nexit 0\n", encoding="utf-8")
        place.chmod(0o755)
        return place

    @property
    def sprung(self) -> list[str]:
        """Names of the traps that ran."""
        return sorted(path.name for path in self.markers.iterdir())


def _plant_hooks(project: Path, traps: Traps) -> None:
    for name in HOOKS:
        traps.make(f"hook-{name}", project / ".git" / "hooks" / name)
        traps.make(f"hookspath-{name}", traps.folder / "hooks" / name)


def _plant_attributes(project: Path, traps: Traps) -> None:
    info = project / ".git" / "info"
    info.joinpath("attributes").write_text("* filter=info diff=info merge=info ident text eol=crlf\n", encoding="utf-8")
    (traps.folder / "attributes").write_text("* filter=global diff=global\n", encoding="utf-8")


def _configuration(traps: Traps) -> str:
    """Every key of git's _configuration that names a program, as far as plumbing could meet it."""
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


def _plant_configuration(project: Path, traps: Traps, tmp_path: Path) -> None:
    text = _configuration(traps)
    (tmp_path / "included").write_text(text, encoding="utf-8")
    with (project / ".git" / "config").open("a", encoding="utf-8") as file:
        file.write(f"[include]\n\tpath = {tmp_path}/included\n{text}")
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(text, encoding="utf-8")
    (project / ".git" / "config.worktree").write_text(text, encoding="utf-8")


def _plant_replacements(project: Path, git: Git) -> None:
    """Forge the judge's blob and the commit's parent, as `git replace` and grafts would."""
    forged = stored(project, "blob", FORGED_JUDGE.encode())
    true = git(project, "--no-replace-objects", "rev-parse", "HEAD:judge.sh")
    place = project / ".git" / "refs" / "replace" / true
    place.parent.mkdir(parents=True)
    place.write_text(f"{forged}\n", encoding="ascii")
    head = git(project, "--no-replace-objects", "rev-parse", "HEAD")
    (project / ".git" / "info" / "grafts").write_text(f"{head} {head}\n", encoding="ascii")


def _plant_environment(traps: Traps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def plant(project: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Traps:
    """Plant them all; none has sprung."""
    traps = Traps(tmp_path / "traps")
    _plant_hooks(project, traps)
    _plant_attributes(project, traps)
    _plant_configuration(project, traps, tmp_path)
    _plant_replacements(project, git)
    _plant_environment(traps, tmp_path, monkeypatch)
    for marker in traps.markers.iterdir():
        marker.unlink()
    return traps
