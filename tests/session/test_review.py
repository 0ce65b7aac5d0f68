"""Sessions whose ground changed while nobody looked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session.errors import RefusedError
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
