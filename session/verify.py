"""A session checked from its records alone: journal, commits, refs, rows, verdicts and budget against each other.

Guarantee: nothing of the session is written, and no lock is held, so it works beside a server and on a damaged journal.
Each finding names its line, trial, ref or file. What a damaged journal hides is said to be unchecked, never passed.
Edge: who may write the state and the repository, and makes everything anew so that it agrees, is noticed only by what
was kept elsewhere: the head of the chain in the agent's transcript, or a pushed commit's `Referee-Journal` trailer.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import RepositoryError
from .findings import MALFORMED, Check, shown
from .holder import held_by
from .project import Project
from .retrace import retrace
from .scanning import scan
from .verify_commits import check_commits
from .verify_views import check_branch, check_refs, check_rows

_LOOKS = 5
_BETWEEN_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Verified:
    """Every check of one session, in order; `held_by` is the pid of the server that works on it, if any."""

    tag: str
    home: Path
    held_by: str
    checks: tuple[Check, ...]

    @property
    def findings(self) -> int:
        """How many things were found."""
        return sum(len(check.findings) for check in self.checks)


def find(project: Project, tag: str | None) -> tuple[str, Path]:
    """Tag and state folder of a session, even one whose journal is damaged from its first line on.

    Raises:
        RepositoryError: If there is none.
    """
    try:
        known = project.latest(tag)
    except RepositoryError:
        folder = project.checkout.pointers()
        pointers = [path for path in folder.iterdir() if tag in {None, path.name}] if folder.is_dir() else []
        if len(pointers) != 1:
            raise
        home = Path(pointers[0].read_text(encoding="utf-8", errors="replace").strip())
        return pointers[0].name, home
    return known.tag, known.home


def verify(project: Project, tag: str, home: Path) -> Verified:
    """Run every check; beside a server, look again where something was in the middle of changing."""
    for _ in range(_LOOKS):
        holder = who_holds(home)
        verified = Verified(tag, home, holder, _checks(project, tag, home))
        if not verified.findings or not holder:
            break
        time.sleep(_BETWEEN_SECONDS)  # a record is written a moment before the refs and files that follow from it
    return verified


def who_holds(home: Path) -> str:
    """Pid of the server that works on a session; empty if none does, or if this user cannot tell."""
    try:
        return held_by(home)
    except OSError:  # a folder that is gone, or that this user may only read
        return ""


def _checks(project: Project, tag: str, home: Path) -> tuple[Check, ...]:
    scanned = scan(home / "journal.jsonl")
    found = retrace(scanned.records, tag)
    whole = not scanned.chain.unchecked and found.applied == len(scanned.records)
    if scanned.chain.findings and scanned.records:
        taken = "taken as they stand"
        scanned.chain.unchecked = scanned.chain.unchecked or f"records from {scanned.sound + 1} on are {taken} below"
    state = found.state
    return (
        scanned.chain,
        scanned.head,
        found.steps,
        found.verdicts,
        found.budget,
        _guarded("commits", lambda: check_commits(project, found, scanned.records)),
        _guarded("refs", lambda: check_refs(project, state, whole=whole)),
        _guarded("branch", lambda: check_branch(project, state, whole=whole)),
        _guarded("rows", lambda: check_rows(project, state, home, whole=whole)),
    )


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """A check that a journal of an impossible form cannot break."""
    try:
        return look()
    except MALFORMED as fault:
        said = f"the journal holds what cannot be checked: {type(fault).__name__} {shown(fault)}"
        return Check(name, findings=[said], unchecked="what follows from it")
