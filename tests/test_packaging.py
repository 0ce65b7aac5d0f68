"""The checkout is the package: what is listed, what is shipped, and that it works when installed."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("server", "tools", "session", "sandbox")


def test_the_list_of_packages_is_what_the_folders_hold() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = [path.parent for room in ROOMS for path in (ROOT / room).rglob("__init__.py")]
    names = {"referee", *(f"referee.{folder.relative_to(ROOT).as_posix().replace('/', '.')}" for folder in folders)}
    assert set(settings["packages"]) == names


def test_type_checkers_see_every_room() -> None:
    links = ROOT / ".links" / "referee"
    assert {path.name for path in links.iterdir()} == {*ROOMS, "__init__.py", "__main__.py", "py.typed"}
    assert all(path.is_symlink() and path.exists() for path in links.iterdir())


def _run(*words: str, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_wheel_built_from_the_sdist_installs_and_runs(tmp_path: Path) -> None:
    _run(sys.executable, "-m", "venv", "env", cwd=tmp_path)
    python = str(tmp_path / "env" / "bin" / "python")
    _run(python, "-m", "pip", "install", "--quiet", "build", cwd=tmp_path)
    _run(python, "-m", "build", "--outdir", str(tmp_path / "dist"), str(ROOT), cwd=tmp_path)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    shipped = {"referee/program.md.example", "referee/py.typed", "referee/examples/demo/program.md"}
    assert shipped <= set(names)
    assert all(name.startswith(("referee/", "referee_mcp-")) for name in names)
    assert not any("tests/" in name for name in names)
    _run(python, "-m", "pip", "install", "--quiet", str(wheel), cwd=tmp_path)
    scripts = tmp_path / "env" / "bin"
    assert _run(str(scripts / "referee"), "--version", cwd=tmp_path).startswith("referee ")
    assert (scripts / "referee-mcp").is_file()
