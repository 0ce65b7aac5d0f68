"""A finished session to copy and to tamper with, and the tools of someone who does."""

import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.session.errors import RefusedError
from referee.session.journal import GENESIS, digest
from referee.session.loop import Call, Loop
from referee.session.project import Project
from referee.session.rows import Words
from referee.session.session import Change, Session
from referee.session.verify import Verified, find, verify

from tests.projects import PROGRAM, git

TAG = "mar8"
TRIALS = [  # what it prints, and what comes of it
    ("lower", "echo loss: 2.5\n# a comment\n"),  # 1 keep, improved
    ("raise \u6f22\u5b57 \u202e it", "printf '\\033[31mred\\n'\necho loss: 9\n"),  # 2 discard, worse
    ("crash", "exit 3\n"),  # 3 crash
    ("simpler", "echo loss: 2.5\n"),  # 4 keep, simpler
    ("raise again", "echo loss: 7\n"),  # 5 discard, worse
]


@dataclass(frozen=True, slots=True)
class Finished:
    """A project with one session that nobody holds: trials 0 to 5, best 4."""

    repo: Path
    home: Path

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.home / "journal.jsonl"

    @property
    def records(self) -> list[dict[str, Any]]:
        """The journal's lines, parsed."""
        return [json.loads(line) for line in self.journal.read_bytes().splitlines()]

    def line_of(self, kind: str, **data: Any) -> int:
        """Number of the first line of a kind with these data."""
        found = (r["seq"] for r in self.records if r["kind"] == kind and data.items() <= r["data"].items())
        return int(next(found))

    def commit(self, trial: int) -> str:
        """The commit that a trial's ref names."""
        return git(self.repo, "rev-parse", f"refs/referee/{TAG}/trials/{trial}")

    def verified(self) -> Verified:
        """What a check of the whole record finds."""
        project = Project(self.repo)
        try:
            return verify(project, *find(project, TAG))
        finally:
            project.git.close()

    def forge(self, change: Callable[[list[dict[str, Any]]], Any]) -> None:
        """Change the records as someone does who then computes the whole chain and the head anew."""
        records = self.records
        change(records)
        prev = GENESIS
        for number, record in enumerate(records, start=1):
            del record["hash"]
            record |= {"seq": number, "prev": prev}
            prev = record["hash"] = digest(record)
        lines = (json.dumps(record, separators=(",", ":")) + "\n" for record in records)
        self.journal.write_text("".join(lines), encoding="ascii")
        (self.home / "head").write_text(f"{len(records):012d} {prev}\n", encoding="ascii")

    def limit(self, **limits: Any) -> None:
        """Change limits of the budget that the session was opened with."""
        self.forge(lambda records: records[0]["data"]["budget"].update(limits))

    def cut(self, line: int) -> None:
        """Make this line the last one, as if the session had not gone on: records, head and refs."""
        self.forge(lambda records: records.__delitem__(slice(line, None)))
        known = {record["data"]["trial"] for record in self.records if record["kind"] == "trial_started"}
        for trial in set(range(len(TRIALS) + 1)) - known:
            git(self.repo, "update-ref", "-d", f"refs/referee/{TAG}/trials/{trial}")


def found(verified: Verified) -> dict[str, list[str]]:
    """The findings by the name of their check."""
    return {check.name: check.findings for check in verified.checks if check.findings}


def copy(factory: pytest.TempPathFactory, folder: Path) -> Finished:
    """A copy of the finished session, all of it below `folder`."""
    original = _original(factory.getbasetemp())
    repo = shutil.copytree(original.repo, folder / "repo", symlinks=True)
    home = shutil.copytree(original.home, folder / "state" / TAG, symlinks=True)
    (repo / ".git" / "referee-sessions" / TAG).write_text(f"{home}\n", encoding="utf-8")
    return Finished(repo, home)


@functools.cache
def _original(basetemp: Path) -> Finished:
    folder = basetemp / "finished"
    repo = folder / "repo"
    repo.mkdir(parents=True)
    (repo / "program.md").write_text(PROGRAM, encoding="utf-8")
    (repo / "run.sh").write_text("echo loss: 3\n# one\n# two\n", encoding="utf-8")
    (repo / "data").mkdir()
    (repo / "data" / "frozen.txt").write_text("frozen\n", encoding="utf-8")
    git(repo, "init", "--quiet")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "The project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFEREE_STATE_DIR", str(folder / "state"))
        anyio.run(_play, repo)
    (home,) = (folder / "state").glob(f"*/{TAG}")
    return Finished(repo, home)


async def _play(repo: Path) -> None:
    async with Loop(repo, TAG) as loop:
        await loop.run(Call("run_eval", {"description": "begin"}), "begin", 60)
        for description, text in TRIALS:
            call = Call("run_trial", {"description": description, "content": text})
            await loop.run_trial(call, Change(content=text), Words(description, f"about {description}", 0.25), 60)
        with pytest.raises(RefusedError):
            await loop.write(Call("keep"), Session.keep)
