"""Projects as a person has them: a program, a target that prints its own loss, and git."""

import subprocess
from pathlib import Path
from typing import Any


def git(folder: Path, *arguments: str) -> str:
    """Run git as a person with no configuration would."""
    return git_bytes(folder, *arguments).decode("utf-8").strip()


def git_bytes(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Run git on these bytes and return what it prints, byte for byte."""
    identity = ["-c", "user.name=Person", "-c", "user.email=person@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, input=given, check=True, capture_output=True
    ).stdout


def loose(folder: Path, oid: str) -> Path:
    """Where git keeps a loose object of a checkout."""
    return folder / ".git" / "objects" / oid[:2] / oid[2:]


def program(target: str = "run.sh", command: str = "sh run.sh", more: str = "", timeout: str = "20s") -> str:
    """The front matter of a program that minimizes `loss`, with further lines."""
    evaluate = f"evaluate: {{command: {command}, timeout: {timeout}}}"
    return f"---\ntarget: {target}\n{evaluate}\nmetrics: {{loss: minimize}}\n{more}\n---\n"


PROGRAM = program() + "Make the loss small.\n"
JUDGED = program(command="sh judge.sh", timeout="60s")
GUARDED_PROGRAM = PROGRAM.replace("minimize}", "minimize, size: {goal: minimize, role: guard, max: 1}}")
TARGET = "echo loss: 3\n# a comment\n"


def lfs_pointer(oid: str, size: int) -> str:
    """What git LFS commits in place of a file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"


def everything(folder: Path) -> dict[str, Any]:
    """Every path below a folder with what it holds."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = path.read_bytes() if path.is_file() else oct(path.lstat().st_mode)
    return found
