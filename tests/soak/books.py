"""Whether a session's books are right: after a kill, while the next server works, and at the end.

Computed from raw lines, git and the answers that the agent got; `verify` is asked besides, and never alone.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from referee.session.findings import Check
from referee.session.project import Project
from referee.session.verify import verify

from tests.projects import git

from .findings import DOUBLE, LOST, SURVIVORS, WRONG, Finding
from .told import Told
from .world import World, broken_links, printed

_BEHIND = {"refs", "branch", "rows"}  # a killed server leaves these a step behind its journal
_SURVIVES = 30.0
_PAUSE = 0.02
Record = Mapping[str, Any]


def after_kill(world: World, told: Told) -> Iterator[Finding]:
    """Yield what is wrong while no server runs."""
    yield from _survivors(world)
    lines = world.lines()
    yield from (Finding(WRONG, said) for said in broken_links(lines))
    records = world.records()
    yield from told.missing(records)
    yield from _counted(records)
    if records:
        yield from _verified(world, leave_out=_BEHIND)


def after_start(world: World) -> Iterator[Finding]:
    """Yield what is wrong as soon as the next server has opened the session."""
    yield from _verified(world, leave_out=set())


def _survivors(world: World) -> Iterator[Finding]:
    limit = time.monotonic() + _SURVIVES
    while left := world.survivors():
        if time.monotonic() > limit:
            yield Finding(SURVIVORS, "; ".join(left))
            return
        time.sleep(_PAUSE)


def _verified(world: World, leave_out: set[str]) -> Iterator[Finding]:
    project = Project(world.repo)
    try:
        checks: Sequence[Check] = verify(project, world.tag, world.home).checks
    finally:
        project.git.close()
    for check in checks:
        if check.name not in leave_out:
            yield from (Finding(WRONG, f"{check.name}: {said}") for said in check.findings)


def _counted(records: Sequence[Record]) -> Iterator[Finding]:
    """Every trial is charged once, closed once, decided once; numbers have no gap."""
    for kinds in (["trial_started"], ["trial_measured", "trial_interrupted"], ["decided"]):
        times = Counter(r["data"]["trial"] for r in records if r["kind"] in kinds and r["data"]["trial"] > 0)
        yield from (Finding(DOUBLE, f"{kinds[0]} of trial {n}: {k} times") for n, k in times.items() if k > 1)
        if kinds == ["trial_started"] and sorted(times) != list(range(1, len(times) + 1)):
            yield Finding(LOST, f"the trials that began are {sorted(times)}")
    texts = Counter(r["data"]["trial"] for r in records if r["kind"] == "row" and not r["data"].get("worded", True))
    yield from (Finding(DOUBLE, f"row of trial {n}: {k} times") for n, k in texts.items() if k > 1)
    messages = Counter(r["data"]["message"] for r in records if r["data"].get("message"))
    yield from (Finding(DOUBLE, f"message {name}: {k} times") for name, k in messages.items() if k > 1)


def at_end(world: World, told: Told, experiments: int, left: Mapping[str, int]) -> Iterator[Finding]:
    """Yield what is wrong once the last server has left.

    Args:
        world: Where the session is.
        told: What its agent was told.
        experiments: What the last server said that was spent.
        left: How many messages the person left, by the kind of record that comes of them.
    """
    records = world.records()
    yield from told.missing(records)
    yield from _counted(records)
    yield from _verified(world, leave_out=set())
    yield from _trials(world, records, experiments)
    yield from _rows(world, records)
    yield from _reachable(world, records)
    for kind, count in left.items():
        taken = sum(record["kind"] == kind for record in records)
        if taken != count:
            yield Finding(DOUBLE if taken > count else LOST, f"{taken} of {count} messages became {kind!r}")


def _trials(world: World, records: Sequence[Record], experiments: int) -> Iterator[Finding]:
    blobs = {r["data"]["trial"]: r["data"]["blob"] for r in records if r["kind"] == "trial_started"}
    closed = {r["data"]["trial"]: r["data"] for r in records if r["kind"] in {"trial_measured", "trial_interrupted"}}
    charged = sum(number > 0 for number in blobs)
    if charged != experiments:
        yield Finding(DOUBLE, f"{charged} trials began, {experiments} experiments are charged")
    yield from (Finding(LOST, f"trial {number} began and was never closed") for number in blobs if number not in closed)
    for number, data in closed.items():
        loss = data.get("measurement", {}).get("metrics", {}).get("loss")
        kept = git(world.repo, "rev-parse", f"{data['commit']}:run.sh")
        if loss is not None and loss != printed(world.text(blobs[number])):
            yield Finding(WRONG, f"trial {number} has loss {loss}, which its target never printed")
        if kept != blobs[number]:
            yield Finding(WRONG, f"trial {number}: its commit holds other bytes than were measured")


def _rows(world: World, records: Sequence[Record]) -> Iterator[Finding]:
    commits = {r["data"]["trial"]: r["data"]["commit"] for r in records if "commit" in r["data"]}
    decisions = {r["data"]["trial"]: r["data"]["decision"] for r in records if r["kind"] == "decided"}
    wanted = [(commits[number][:7], decisions[number]) for number in sorted(decisions)]
    rows = [(cells[0], cells[-2]) for cells in world.rows()]
    if rows != wanted:
        column = DOUBLE if len(rows) > len(wanted) else LOST
        yield Finding(column, f"results.tsv has {len(rows)} rows for {len(wanted)} decided trials, or in another order")
    if (world.repo / records[0]["data"]["results"]).read_bytes() != (world.home / "results.tsv").read_bytes():
        yield Finding(WRONG, "the two copies of results.tsv differ")


def _reachable(world: World, records: Sequence[Record]) -> Iterator[Finding]:
    listing = git(world.repo, "for-each-ref", "--format=%(refname) %(objectname)")
    refs = dict(line.split(" ", 1) for line in listing.splitlines())
    best = git(world.repo, "rev-list", f"refs/heads/referee/{world.tag}").split()
    commits = {r["data"]["trial"]: r["data"]["commit"] for r in records if "commit" in r["data"]}
    kept = {r["data"]["trial"] for r in records if r["kind"] == "decided" and r["data"]["decision"] == "keep"}
    for number, commit in commits.items():
        if refs.get(f"refs/referee/{world.tag}/trials/{number}") != commit:
            yield Finding(LOST, f"the ref of trial {number} is not its commit")
        if number in kept and commit not in best:
            yield Finding(LOST, f"trial {number} was kept, and the branch does not hold it")
