"""A journal that someone else writes, cuts, replaces or rolls back is named, and nothing goes on."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.session import journal
from referee.session.errors import JournalError

from tests.session.meanwhile import during_a_trial

pytestmark = pytest.mark.anyio


Git = Callable[..., str]


APPEND = "import sys; open(sys.argv[1], 'ab').write(b'{}\\n')"


TRUNCATE = "import os, sys; os.truncate(sys.argv[1], 100)"


REPLACE = (
    "import os, shutil, sys; shutil.copy(sys.argv[1], sys.argv[1] + 'x'); os.replace(sys.argv[1] + 'x', sys.argv[1])"
)


REMOVE = "import os, sys; os.unlink(sys.argv[1])"


NEW_CHAIN = (
    "import sys; from pathlib import Path; from referee.session.journal import Journal; path = Path(sys.argv[1]);"
    "j = Journal(path); j.append('decided', {'trial': 0, 'decision': 'keep', 'by': 'forger'}, sync=True); j.close()"
)


@pytest.mark.parametrize(
    "code", [APPEND, TRUNCATE, REPLACE, REMOVE, NEW_CHAIN], ids=["append", "cut", "swap", "rm", "forge"]
)
async def test_another_process_at_the_journal_stops_every_write_and_is_named(
    connect: Any, judged: Path, home_of: Any, git: Git, code: str
) -> None:
    async with during_a_trial(connect, judged) as agent:
        branch = git(judged, "rev-parse", "referee/mar8")
        await anyio.run_process([sys.executable, "-c", code, str(home_of(judged) / "journal.jsonl")])
        for _ in range(2):
            said = await agent.refused("run_eval", description="slow", wait_seconds=50)
            assert "another process changed or replaced the journal" in said
        assert "another process changed" in await agent.refused("keep")
        assert git(judged, "rev-parse", "referee/mar8") == branch


async def test_a_journal_rolled_back_together_with_its_head_is_told_by_the_refs(
    connect: Any, judged: Path, home_of: Any, git: Git
) -> None:
    """The chain alone cannot know that its end is missing, when its head was put back as well."""
    async with connect(judged, "mar8") as agent:
        await agent("run_eval", description="baseline")
        home = home_of(judged)
    saved = {name: (home / name).read_bytes() for name in ("journal.jsonl", "head")}
    async with connect(judged, "mar8") as agent:
        await agent("run_trial", description="worse", content="echo loss: 9\n")
    trial = git(judged, "rev-parse", "refs/referee/mar8/trials/1")
    for name, data in saved.items():
        (home / name).write_bytes(data)
    assert journal.load(home / "journal.jsonl").records
    async with connect(judged, "mar8") as agent:
        said = await agent.refused("run_trial", description="once more", content="echo loss: 8\n")
    assert "trials/1 is a trial of this session that its journal does not know" in said
    assert git(judged, "rev-parse", "refs/referee/mar8/trials/1") == trial


def change_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def drop_a_line(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))


def cut_the_end(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("act", [change_a_byte, drop_a_line, cut_the_end])
async def test_a_journal_edited_while_no_server_runs_is_named_and_nothing_goes_on(
    connect: Any, judged: Path, home_of: Any, act: Callable[[Path], None]
) -> None:
    async with connect(judged, "mar8") as agent:
        await agent("run_eval", description="baseline")
    path = home_of(judged) / "journal.jsonl"
    act(path)
    with pytest.raises(JournalError):
        journal.load(path)
    spoiled = path.read_bytes()
    async with connect(judged, "mar8") as agent:
        for tool, arguments in (("run_eval", {"description": "x"}), ("read_results", {}), ("keep", {})):
            said = await agent.refused(tool, **arguments)
            assert "line" in said
            assert "referee audit --verify" in said
    assert path.read_bytes() == spoiled
