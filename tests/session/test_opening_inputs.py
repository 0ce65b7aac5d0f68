"""Declared inputs are known by their content, wherever they lie."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.projects import program

PersonsGit = Callable[..., str]


Make = Callable[..., Path]


def test_a_declared_input_behind_a_link_is_fingerprinted_by_its_content(
    opened: Any, make_project: Make, tmp_path: Path
) -> None:
    (tmp_path / "real.csv").write_text("1\n", encoding="utf-8")
    (tmp_path / "data.csv").symlink_to("real.csv")
    text = program(more=f"sandbox: {{inputs: ['{tmp_path}/data.csv']}}")
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
    text = program(more=f"sandbox: {{inputs: ['{place}']}}")
    project = make_project({"program.md": text})
    with opened(project) as session:
        place.rename(tmp_path / "away")
        assert session.ground.pins.moved()[0].startswith(str(place))
    with opened(project) as again:
        assert again.stale_inputs == [str(place)]
