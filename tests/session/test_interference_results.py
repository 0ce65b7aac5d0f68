"""Results that someone else edits or replaces mislead nobody and lead nowhere."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.session.conftest import JUDGED_FILES
from tests.session.meanwhile import during_a_trial, finished
from tests.sessions import interference

pytestmark = pytest.mark.anyio


Git = Callable[..., str]


async def test_edited_results_are_put_right_by_the_next_row_and_the_session_does_not_read_them(
    connect: Any, judged: Path
) -> None:
    async with during_a_trial(connect, judged) as agent:
        (judged / "results.tsv").write_text("commit\tloss\nforged\t0\n", encoding="utf-8")
        await finished(agent)
        await agent("keep")
        await agent("append_result")
        shown = await agent("read_results")
    assert "forged" not in str(shown)
    lines = (judged / "results.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[1] for line in lines] == ["loss", "3.000000", "2.000000"]


@pytest.mark.promise("your work is yours")
async def test_results_replaced_by_a_link_leave_its_target_untouched(
    connect: Any, judged: Path, tmp_path: Path
) -> None:
    other = tmp_path / "bashrc"
    other.write_text("true\n", encoding="utf-8")
    async with during_a_trial(connect, judged) as agent:
        (judged / "results.tsv").unlink()
        (judged / "results.tsv").symlink_to(other)
        await finished(agent)
        await agent("keep")
        await agent("append_result")
    assert other.read_text(encoding="utf-8") == "true\n"
    assert not (judged / "results.tsv").is_symlink()
    assert len((judged / "results.tsv").read_text(encoding="utf-8").splitlines()) == 3


async def test_results_replaced_by_a_folder_stop_nothing_and_are_told(connect: Any, judged: Path, home_of: Any) -> None:
    async with during_a_trial(connect, judged) as agent:
        (judged / "results.tsv").unlink()
        (judged / "results.tsv").mkdir()
        await finished(agent)
        await agent("keep")
        await agent("append_result")
    assert any("results.tsv cannot be written" in what for what in interference(judged))
    assert len((home_of(judged) / "results.tsv").read_text(encoding="utf-8").splitlines()) == 3
    assert os.listdir(judged / "results.tsv") == []
    assert [name for name in os.listdir(judged) if name.startswith(".results")] == []


async def test_a_project_folder_replaced_by_a_link_is_not_written_through(
    connect: Any, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    top = make_project({f"sub/{name}": text for name, text in JUDGED_FILES.items()})
    other = tmp_path / "other"
    other.mkdir()
    (other / "results.tsv").write_text("mine\n", encoding="utf-8")
    shutil.copy(top / "sub/program.md", other)
    async with during_a_trial(connect, top / "sub") as agent:
        shutil.move(top / "sub", tmp_path / "moved")
        (top / "sub").symlink_to(other)
        await finished(agent)
        await agent("keep")
        await agent("append_result")
    assert (other / "results.tsv").read_text(encoding="utf-8") == "mine\n"
