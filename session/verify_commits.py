"""The commits of a session held against its journal, object by object.

Guarantee: every object is hashed again, so neither the object store nor a replace ref is believed. A trial's commit is
right if its tree is the base tree with the target's blob replaced and nothing else, its only parent the best of then,
and its message exactly the one that its record gives, the agent's name aside.
Edge: folders beside the target's are compared by the ids in their parent, their content is the base commit's own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .commits import message
from .errors import RepositoryError
from .findings import Check, shown
from .git import Git
from .journal import Record
from .project import Project
from .repository import Base
from .retention import trailers
from .retrace import Retraced, Traced
from .state import State, Trial

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_IDENTITY = re.compile(r"(?:author|committer) Referee <referee@localhost> [0-9]+ \+0000")
_JOURNAL, _AGENT = "Referee-Journal: ", "Referee-Agent: "


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as its raw object says: its headers in order, and its message."""

    headers: tuple[str, ...]
    message: str


def check_commits(project: Project, found: Retraced, records: Sequence[Record]) -> Check:
    """Check the base and the commit, tree and blob of every trial."""
    check = Check("commits")
    state = found.state
    if state is None:
        check.unchecked = "no opening record"
        return check
    trials = [trial for trial in state.trials.values() if trial.commit]
    check.covers = f"{len(trials)} commits: tree, parent and trailers"
    try:
        ledger = _Ledger(project, state, {record.hash: record.seq for record in records})
    except RepositoryError as fault:
        check.findings.append(f"base commit {shown(state.opened.base, 10)}: {fault}")
        check.unchecked = "the trials' commits"
        return check
    for trial in trials:
        check.findings += ledger.trial(trial, found.trials[trial.number])
    if lost := _missing(project.git, "blob", state.draft):
        check.findings.append(f"the draft: {lost}")
    return check


def read(git: Git, kind: str, oid: str) -> bytes:
    """An object's bytes, hashed again by `git.read`; an id from a forged record never reaches git unchecked.

    Raises:
        RepositoryError: If there is no such object, or the store gives other bytes for it.
    """
    if not _OID.fullmatch(oid):
        raise RepositoryError(f"{shown(oid)} is no object id.")
    return git.read(oid, kind)


def parse(data: bytes) -> Commit:
    """A commit object, taken apart."""
    head, _, text = data.decode("utf-8", "replace").partition("\n\n")
    return Commit(tuple(head.split("\n")), text)


def _missing(git: Git, kind: str, oid: str) -> str:
    try:
        read(git, kind, oid)
    except RepositoryError as fault:
        return str(fault)
    return ""


class _Ledger:
    """What every trial of one session is held against."""

    def __init__(self, project: Project, state: State, lines: Mapping[str, int]) -> None:
        self._git, self._state, self._lines = project.git, state, lines
        opened = state.opened
        header = f"tree {opened.tree}"
        if parse(read(self._git, "commit", opened.base)).headers[0] != header:
            raise RepositoryError(f"its tree is not {opened.tree}, as the journal says.")
        self._base = project.base(opened.base)
        self._path = project.checkout.prefix + opened.target
        self._original = project.repository.target_entry(self._base, opened.target).oid
        folders = [entry.oid for entry in self._base.entries if self._path.startswith(f"{entry.path}/")]
        for tree in (opened.tree, *folders):
            read(self._git, "tree", tree)

    def trial(self, trial: Trial, traced: Traced) -> list[str]:
        where = f"trial {trial.number}: commit {shown(trial.commit, 12)}"
        try:
            said = self._baseline(trial) if trial.number == 0 else self._commit(trial, traced)
            said += self._content(trial)
        except RepositoryError as fault:
            said = [str(fault)]
        return [f"{where}: {text}" for text in said]

    def _baseline(self, trial: Trial) -> list[str]:
        same = trial.commit == self._state.opened.base and trial.blob == self._original
        return [] if same else ["the baseline is not the base commit"]

    def _commit(self, trial: Trial, traced: Traced) -> list[str]:
        commit = parse(read(self._git, "commit", trial.commit))
        tree, parent, *identities = commit.headers
        said: list[str] = []
        if tree != f"tree {trial.tree}":
            said.append(f"holds {shown(tree)}, the journal says {trial.tree}")
        if parent != f"parent {traced.parent}":
            said.append(f"holds {shown(parent)}; the best of then was {traced.parent}")
        if len(identities) != 2 or not all(_IDENTITY.fullmatch(line) for line in identities):  # noqa: PLR2004 - author, committer
            said.append(f"was not written by Referee: {shown(identities)}")
        return said + self._message(trial, traced, commit.message)

    def _message(self, trial: Trial, traced: Traced, text: str) -> list[str]:
        lines = text.split("\n")
        head = _trailer(lines, _JOURNAL)
        failed = trial.verdict in {"crash", "timeout"}
        counted = {} if failed else {n: v for n, v in trial.metrics.items() if n in self._state.opened.contract.metrics}
        agent, left = _trailer(lines, _AGENT), trailers(trial.measurement)
        expected = message(
            self._state.opened,
            trial.number,
            trial.description,
            counted,
            trial.verdict,
            head=head,
            agent=agent,
            artifacts=left,
        ).split("\n")
        said = _difference(lines, expected, traced.ended)
        if not traced.started <= self._lines.get(head, 0) < traced.ended:
            said.append(f"{_JOURNAL}{shown(head, 20)} is no record between the start and the end of this trial")
        return said

    def _content(self, trial: Trial) -> list[str]:
        text = read(self._git, "blob", trial.blob)
        trees = _trees(self._git, self._base, self._path, trial.blob)
        said: list[str] = []
        if trees[-1] != trial.tree:
            said.append(f"its tree {shown(trial.tree, 12)} is not the base tree with {self._path} replaced")
        lines = sum(1 for line in text.decode("utf-8", "replace").splitlines() if line.strip())
        if trial.measured and not trial.interrupted and lines != trial.lines:
            said.append(f"{self._path} has {lines} lines, the journal says {trial.lines}")
        return said + [fault for tree in trees if (fault := _missing(self._git, "tree", tree))]


def _trailer(lines: Sequence[str], key: str) -> str:
    return next((line.removeprefix(key) for line in reversed(lines) if line.startswith(key)), "")


def _difference(found: Sequence[str], expected: Sequence[str], line: int) -> list[str]:
    pairs = list(zip(found, expected, strict=False))
    said = [f"says {shown(one)}, journal line {line} says {shown(other)}" for one, other in pairs if one != other]
    if len(found) != len(expected):
        said.append(f"its message has {len(found)} lines instead of {len(expected)}")
    return said[:3]


def _trees(git: Git, base: Base, path: str, blob: str) -> list[str]:
    """Ids of the folders on the way up from the target, the root last, if the target were that blob."""
    ids: list[str] = []
    oid = blob
    while path:
        folder = path.rpartition("/")[0]
        lines = (
            f"{int(e.mode, 8):o} {e.path.rpartition('/')[2]}\0".encode("utf-8", "surrogateescape")
            + bytes.fromhex(oid if e.path == path else e.oid)
            for e in base.children[folder]
        )
        oid = git.object_id("tree", b"".join(lines))
        ids.append(oid)
        path = folder
    return ids
