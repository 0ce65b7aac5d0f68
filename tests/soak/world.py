"""One project with one session, and what is known of it from outside: raw lines of its journal, rows, processes."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.projects import git, git_bytes, program
from tests.sandbox import witness

from .wire import Server

TAG = "soak"
BUDGET = "budget: {max_experiments: 100000, max_wall_clock_hours: 100, max_consecutive_crashes: null}"
TARGET = "echo loss: 9.5\n# a comment\n"
GENESIS = "0" * 64
_LOSS = re.compile(r"loss: ([0-9.]+)")


@dataclass(slots=True)
class World:
    """A repository below a ground of its own; the server's state lies where the environment says.

    `token` is part of the command line of whatever a trial leaves running.
    """

    ground: Path
    token: str
    tag: str = TAG
    repo: Path = field(init=False)

    def __post_init__(self) -> None:
        self.repo = self.ground / "repo"

    def make(self, budget: str = BUDGET) -> "World":
        """Make the repository."""
        self.repo.mkdir(parents=True)
        text = program(more=budget, timeout="5s")
        (self.repo / "program.md").write_text(text + "Make the loss small.\n", encoding="utf-8")
        (self.repo / "run.sh").write_text(TARGET, encoding="utf-8")
        git(self.repo, "init", "--quiet")
        git(self.repo, "add", "--all")
        git(self.repo, "commit", "--quiet", "--message", "The project")
        return self

    def serve(self, *prefix: str) -> Server:
        """Start a server of the session."""
        return Server(self.repo, self.tag, self.ground / "noise.txt", prefix)

    @property
    def home(self) -> Path:
        """The state folder of the session, known since it was opened."""
        pointer = self.repo / ".git" / "referee-sessions" / self.tag
        return Path(pointer.read_text(encoding="utf-8").strip())

    @property
    def journal(self) -> Path:
        """The journal, whether it is there or not."""
        try:
            return self.home / "journal.jsonl"
        except FileNotFoundError:
            return self.ground / "none"

    def lines(self) -> list[bytes]:
        """The journal's whole lines."""
        try:
            return self.journal.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []

    def records(self) -> list[dict[str, Any]]:
        """The journal's whole lines, parsed and nothing else."""
        return [json.loads(line) for line in self.lines()]

    def synced(self) -> int:
        """How many bytes of the journal its head says are on the disk."""
        head = self.journal.with_name("head")
        number = int(head.read_bytes()[:12] or b"0") if head.exists() else 0
        return sum(len(line) + 1 for line in self.lines()[:number])

    def survivors(self) -> list[str]:
        """Name the processes that have to do with this world."""
        ours = tuple(f"process {pid} " for pid in [os.getpid(), *witness.line_up_to(os.getpid(), 0)])
        related = [said for said in witness.related(str(self.ground)) if not said.startswith(ours)]
        return related + [f"process {pid} of a trial" for pid in witness.carrying(self.token)]

    def noise(self) -> str:
        """The end of what the servers said on standard error."""
        path = self.ground / "noise.txt"
        return path.read_text(encoding="utf-8", errors="replace")[-600:] if path.exists() else ""

    def text(self, blob: str) -> str:
        """A version of the target, as git has it."""
        return git_bytes(self.repo, "cat-file", "blob", blob).decode("utf-8")

    def rows(self) -> list[list[str]]:
        """The canonical results, cell by cell, without their head."""
        text = (self.home / "results.tsv").read_text(encoding="utf-8")
        return [line.split("\t") for line in text.splitlines()][1:]


def broken_links(lines: list[bytes]) -> Iterator[str]:
    """Name the lines of a journal that are not what their chain says; computed here, not by what is tested."""
    prev = GENESIS
    for number, line in enumerate(lines, start=1):
        record = json.loads(line)
        claimed = record.pop("hash")
        text = json.dumps(record, separators=(",", ":")).encode("ascii")
        if record["seq"] != number or record["prev"] != prev or claimed != hashlib.sha256(text).hexdigest():
            yield f"line {number} of the journal is not what its chain says"
        prev = claimed


def printed(text: str) -> float | None:
    """The loss that a target of a soak prints."""
    found = _LOSS.search(text)
    return float(found[1]) if found else None


def sha256(text: str) -> str:
    """As `read_target` gives it."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
