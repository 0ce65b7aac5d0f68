"""Sessions whose ground changed while nobody looked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session.errors import RefusedError
from referee.session.inbox import drop, waiting
from referee.session.results import number
from referee.session.trials import begin_baseline


def test_an_input_that_was_put_back_is_taken_as_unchanged_without_a_new_server(
    opened: Any, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    data = tmp_path / "numbers.txt"
    data.write_text("7\n", encoding="utf-8")
    front = (
        f"---\ntarget: run.sh\nevaluate: sh run.sh\nmetrics: {{loss: minimize}}\nsandbox: {{inputs: [{data}]}}\n---\n"
    ).replace("evaluate: sh run.sh", "evaluate: {command: sh run.sh}")
    project = make_project({"program.md": front})
    with opened(project):
        pass
    data.write_text("1\n", encoding="utf-8")
    with opened(project) as session:
        with pytest.raises(RefusedError, match=r"numbers\.txt is not what it was"):
            begin_baseline(session)
        data.write_text("7\n", encoding="utf-8")
        assert begin_baseline(session).number == 0


def test_a_number_too_wide_for_a_column_is_written_with_an_exponent() -> None:
    assert number(1e308) == "1e+308"
    assert number(0.9979) == "0.997900"
    assert number(1e-9) == "1e-09"


@pytest.mark.parametrize(
    "text", ["[1]", '{"id": [1], "kind": "extend", "data": {}}', '{"id": "a", "kind": "x", "data": 3}', "{"]
)
def test_a_file_in_the_inbox_that_is_no_message_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.json").write_text(text, encoding="utf-8")
    drop(tmp_path, "extend", {"hours": 1})
    assert [message.kind for _, message in waiting(tmp_path)] == ["extend"]
    assert (tmp_path / "odd.json").exists()
