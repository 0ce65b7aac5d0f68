"""While a trial runs someone else works on the files of the checkout: the number stays true, and it is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.session.meanwhile import during_a_trial, finished
from tests.session.mischief import to_circle, to_endless, to_folder, to_nothing, to_pipe
from tests.sessions import interference

pytestmark = pytest.mark.anyio


Git = Callable[..., str]


@pytest.mark.promise("frozen judge")
async def test_the_judge_of_the_checkout_may_be_edited_meanwhile(connect: Any, judged: Path) -> None:
    async with during_a_trial(connect, judged) as agent:
        (judged / "judge.sh").write_text("echo loss: 0\n", encoding="utf-8")
        answer = await finished(agent)
        await agent("keep")
        later = await agent("run_trial", description="later", content="echo loss: 1\n")
    assert answer["metrics"] == {"loss": 2.0}
    assert later["metrics"] == {"loss": 1.0}
    said = [what for what in interference(judged) if "judge.sh" in what]
    assert said == ["judge.sh in the checkout was changed; what is measured is the frozen commit"]
    assert (judged / "judge.sh").read_text(encoding="utf-8") == "echo loss: 0\n"


@pytest.mark.parametrize("act", [to_nothing, to_folder, to_pipe, to_circle, to_endless])
async def test_whatever_becomes_of_another_file_stops_nothing(
    connect: Any, judged: Path, act: Callable[[Path], None]
) -> None:
    async with during_a_trial(connect, judged) as agent:
        act(judged / "docs/notes.md")
        answer = await finished(agent)
        await agent("keep")
    assert answer["metrics"] == {"loss": 2.0}
    assert [what for what in interference(judged) if what.startswith("docs/notes.md in the checkout")]


@pytest.mark.promise("frozen judge")
async def test_a_target_replaced_by_a_link_is_neither_read_nor_written_through(
    connect: Any, judged: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET=1\n", encoding="utf-8")
    async with during_a_trial(connect, judged) as agent:
        (judged / "run.sh").unlink()
        (judged / "run.sh").symlink_to(secret)
        answer = await finished(agent)
        said = await agent.refused("edit_target", from_checkout=True)
        await agent("keep")
        kept = await agent("read_target", revision="best")
    assert answer["metrics"] == {"loss": 2.0}
    assert "SECRET" not in said
    assert "SECRET" not in str(kept)
    assert secret.read_text(encoding="utf-8") == "SECRET=1\n"
    assert (judged / "run.sh").is_symlink()
    assert any("run.sh in the checkout is no longer a plain file" in what for what in interference(judged))
