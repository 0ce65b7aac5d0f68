"""The newcomer's way: a Karpathy-shaped project without `program.md`, then init, check, and trials, nothing by hand."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

EXAMPLE = Path(__file__).parents[1] / "examples" / "karpathy"
REFEREE = [sys.executable, "-m", "referee"]


def _environment_with_numpy(project: Path) -> None:
    """A virtual environment as its owner would have made it, with the NumPy that is at hand copied in."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=project, check=True)
    spec = find_spec("numpy")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent
    packages = next((project / ".venv" / "lib").glob("python3*/site-packages"))
    for name in ("numpy", "numpy.libs"):
        if (source.parent / name).is_dir():
            shutil.copytree(source.parent / name, packages / name)


@pytest.fixture
def project(tmp_path: Path, git: Callable[..., str]) -> Path:
    folder = tmp_path / "autoresearch"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("program.md", ".venv", "__pycache__"))
    (folder / ".gitignore").write_text(".venv/\n__pycache__/\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "autoresearch")
    _environment_with_numpy(folder)
    return folder


def _referee(project: Path, *words: str) -> str:
    done = subprocess.run(
        [*REFEREE, *words, "--repo", str(project)],
        cwd="/",
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.timeout(300)
async def test_init_check_and_two_trials_without_editing_anything_by_hand(project: Path) -> None:
    _referee(project, "init")
    screen = _referee(project, "check")
    assert "train.py -> val_bpb (minimize)" in screen
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "referee", "serve", "--repo", str(project)], env=dict(os.environ), cwd="/"
    )
    text = (EXAMPLE / "train.py").read_text(encoding="utf-8")
    rate = next(line for line in text.splitlines() if line.startswith("LEARNING_RATE"))
    async with Client(server) as client:
        for value in ("0.5", "0.001"):
            edit = {"old_text": rate, "new_text": f"LEARNING_RATE = {value}"}
            answer = await client.call_tool("run_trial", {"description": f"learning rate {value}", "edits": [edit]})
            assert not answer.is_error, answer.content
            rate = "LEARNING_RATE = 0.5"
    with (project / "results.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(rows[0]) == ["commit", "val_bpb", "memory_gb", "status", "description"]
    assert [row["status"] for row in rows] == ["keep", "keep", "discard"]
    assert float(rows[1]["val_bpb"]) < float(rows[0]["val_bpb"])
    assert all(len(row["commit"]) == len("1a2b3c4") and float(row["memory_gb"]) >= 0 for row in rows)
