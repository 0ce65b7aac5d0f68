"""Caches that would hide something are refused by name, and their stores lie in the session's own state."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox.spec import Cache
from referee.session.plan import trial_spec

from tests.projects import program
from tests.session.refusing import refusal

Make = Callable[..., Path]


def with_caches(*caches: str, more: str = "") -> str:
    return program(more=f"sandbox: {{cache: [{', '.join(caches)}]{more}}}")


@pytest.mark.parametrize("cache", ["data", "data/train.csv", "data/train.csv/inside", "deep"])
def test_a_cache_over_a_tracked_file_is_refused_with_its_name(opened: Any, make_project: Make, cache: str) -> None:
    files = {"program.md": with_caches(cache), "data/train.csv": "1\n", "deep/er/file": "1\n"}
    said = refusal(opened, make_project(files))
    assert said.startswith(f"sandbox.cache: {cache} overlaps with ")
    assert "which is tracked" in said


def test_a_cache_beside_tracked_files_is_fine(opened: Any, make_project: Make) -> None:
    with opened(make_project({"program.md": with_caches("data/.jit", "data2"), "data/train.csv": "1\n"})):
        pass


def test_a_cache_in_a_virtual_environment_is_refused(opened: Any, make_project: Make) -> None:
    project = make_project({"program.md": with_caches(".venv/cache"), ".gitignore": ".venv\n"})
    (project / ".venv").mkdir()
    (project / ".venv/pyvenv.cfg").write_text("x = y\n", encoding="utf-8")
    assert f"overlaps with {project}/.venv, which a trial reads" in refusal(opened, project)


def test_a_cache_over_an_input_of_another_spelling_is_refused(opened: Any, make_project: Make) -> None:
    data = Path.home() / ".cache/data"
    data.mkdir(parents=True)
    said = refusal(opened, make_project({"program.md": with_caches("~/.cache", more=f", inputs: [{data}]")}))
    assert said.startswith(f"sandbox.cache: ~/.cache overlaps with {data}, which a trial reads")


@pytest.mark.parametrize("cache", ["~/work", "~/work/project", "~/work/project/.jit"])
def test_a_cache_of_the_home_that_overlaps_with_the_repository_is_refused(
    opened: Any, make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    said = refusal(opened, make_project({"program.md": with_caches(cache)}, "work/project"))
    assert said.startswith(f"sandbox.cache: {cache} overlaps with the repository. A folder inside the project")


def test_caches_lie_in_the_state_of_their_session_and_a_measured_run_fills_none(
    opened: Any, make_project: Make
) -> None:
    project = make_project({"sub/program.md": with_caches("~/.triton", ".jit"), "sub/run.sh": "echo loss: 3\n"})
    with opened(project / "sub") as session:
        home = session.state_home

        def spec(number: int, run: int) -> Any:
            checkout = session.project.checkout
            return trial_spec(
                session.state.opened, checkout, home, text="", mode=0o644, number=number, run=run, seconds=1
            )

        fills = [spec(number, run).fill_caches for number, run in ((0, 0), (0, 1), (1, 0))]
        found = spec(1, 0).caches
    assert fills == [False, False, False]
    assert found == (
        Cache("home", ".triton", f"{home}/caches/0"),
        Cache("project", "sub/.jit", f"{home}/caches/1"),
    )


def test_a_contract_without_caches_fills_none(opened: Any, make_project: Make) -> None:
    with opened(make_project()) as session:
        opened_with, checkout, home = session.state.opened, session.project.checkout, session.state_home
        spec = trial_spec(opened_with, checkout, home, text="", mode=0o644, number=0, run=0, seconds=1)
    assert (spec.caches, spec.fill_caches) == ((), False)
