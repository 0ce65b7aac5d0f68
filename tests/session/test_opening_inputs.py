"""Declared inputs are known by their content, wherever they lie."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session.errors import RepositoryError

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


@pytest.mark.promise("confined trial")
def test_an_input_that_holds_a_socket_is_refused_and_one_that_gets_a_socket_has_changed(
    opened: Any, make_project: Make, tmp_path: Path
) -> None:
    place = tmp_path / "data"
    (place / "deep").mkdir(parents=True)
    project = make_project({"program.md": program(more=f"sandbox: {{inputs: ['{place}']}}")})
    with opened(project) as session, socket.socket(socket.AF_UNIX) as door:
        door.bind(str(place / "deep" / "door"))
        assert session.ground.pins.moved() == [str(place / "deep" / "door")]
    with pytest.raises(RepositoryError, match="holds the socket"), opened(project, tag="other"):
        pass
