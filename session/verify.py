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

from .checkpoint import paths
from .errors import RepositoryError
from .findings import MALFORMED, Check, shown
from .holder import held_by
from .places import refuse_pointer
from .project import Project
from .retrace import retrace
from .scanning import Scan, read_head, read_journal, scanned
from .verify_checkpoints import check_checkpoints
from .verify_commits import check_commits
from .verify_retained import check_retained
from .verify_views import Views, check_branch, check_refs, check_rows, look

_LOOKS = 12
_BETWEEN_SECONDS = 0.1


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
        refuse_pointer(project.checkout, pointers[0].name)
        home = Path(pointers[0].read_text(encoding="utf-8", errors="replace").strip())
        return pointers[0].name, home
    return known.tag, known.home


def verify(project: Project, tag: str, home: Path) -> Verified:
    """Run every check; beside a server, look again where something was in the middle of changing."""
    verified = _look(project, tag, home)
    for _ in range(_LOOKS):
        if not verified.findings or not verified.held_by:
            break
        time.sleep(_BETWEEN_SECONDS)  # a record is written a moment before the refs and files that follow from it
        verified = _look(project, tag, home)
    return verified


def _look(project: Project, tag: str, home: Path) -> Verified:
    return Verified(tag, home, who_holds(home), _checks(project, tag, home))


def who_holds(home: Path) -> str:
    """Pid of the server that works on a session; empty if none does, or if this user cannot tell."""
    try:
        return held_by(home)
    except OSError:  # a folder that is gone, or that this user may only read
        return ""


def _checks(project: Project, tag: str, home: Path) -> tuple[Check, ...]:
    scan, views = _still(project, tag, home)
    found = retrace(scan.records, tag)
    whole = not scan.chain.unchecked and found.applied == len(scan.records)
    if scan.chain.findings and scan.records:
        taken = f"records from {scan.sound + 1} on are taken as they stand below"
        scan.chain.unchecked = scan.chain.unchecked or taken
    state = found.state
    checks: tuple[Check, ...] = (
        scan.chain,
        scan.head,
        found.steps,
        found.verdicts,
        found.budget,
        _guarded("commits", lambda: check_commits(project, found, scan.records)),
        _guarded("refs", lambda: check_refs(views, state, whole=whole)),
        _guarded("branch", lambda: check_branch(project.git, views, state, whole=whole)),
        _guarded("rows", lambda: check_rows(views, state, whole=whole)),
    )
    if paths(home):
        checks = (*checks, _guarded("checkpoints", lambda: check_checkpoints(home, scan.records)))
    if state is None or state.opened.contract.evaluate.retain is None:
        return checks
    return (*checks, _guarded("retained", lambda: check_retained(home, state, whole=whole)))


def _still(project: Project, tag: str, home: Path) -> tuple[Scan, Views]:
    """The journal and what follows from it, read while no record was written, if there is such a moment."""
    path = home / "journal.jsonl"
    head, views, raw = read_head(path), look(project, tag, home), read_journal(path)
    for _ in range(_LOOKS):
        before, head, views, raw = raw, read_head(path), look(project, tag, home), read_journal(path)
        if raw == before:
            break
    return scanned(raw, head, path), views


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """A check that a journal of an impossible form cannot break."""
    try:
        return look()
    except MALFORMED as fault:
        said = f"the journal holds what cannot be checked: {type(fault).__name__} {shown(fault)}"
        return Check(name, findings=[said], unchecked="what follows from it")
