"""The baseline measured without a session: what `referee check` does, and nothing that a session would notice.

Guarantee: no ref, row, journal or pointer is written. What remains is one entry of the cache of baselines; the snapshot
is made in a folder of its own and removed, also after an earlier check that was killed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..sandbox.launch import Launcher
from ..sandbox.spec import Capabilities, Measurement
from ..session import baseline_cache, judge
from ..session.combined import combine
from ..session.contract import Program
from ..session.levels import Chosen, chosen
from ..session.opened import Opened
from ..session.pins import Pins
from ..session.places import probes
from ..session.plan import asked, gpus, log_path
from ..session.preparing import prepare
from ..session.project import Project
from ..session.source_reading import why_lower
from ..session.untrusted import printable
from .apart import Bench, own_folder, snapshot

_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a session would start with.

    Attributes:
        opened: What it would be bound to.
        warnings: About the checkout, one sentence each.
        capabilities: What confines a trial here.
        measurement: Of the baseline, all its runs together.
        reason: Why it cannot stand; empty if it can.
        log: Output of its first run.
    """

    opened: Opened
    warnings: tuple[str, ...]
    capabilities: Capabilities
    measurement: Mapping[str, Any]
    reason: str
    log: bytes


async def rehearse(project: Project, program: Program, tag: str) -> Rehearsal:
    """Prepare what a session with that tag would be bound to, and measure its baseline once.

    Raises:
        RefereeError: If program, repository or machine cannot carry a session.
    """
    base = project.base(project.repository.head())
    opened, warnings = prepare(project, program, base, tag)
    async with Launcher(probes=probes(), anew=True) as launcher:
        sandbox = program.contract.sandbox
        capabilities = await launcher.capabilities(sandbox.minimum, gpus(sandbox), asked(sandbox))
        pins = Pins(tuple(opened.pins))
        fingerprints = pins.take()
        with own_folder(project, "check") as home:
            frozen = snapshot(project, opened, home)
            bench = Bench(project, opened, home, launcher)
            found = await _runs(bench, why_lower(project, base, program.contract))
            log = _bytes_of(log_path(home, 0))
            changed = [f"{said} the snapshot" for said in frozen.verify()]
            changed += [f"{name} was changed" for name in pins.moved()]
    measurement: dict[str, Any] = combine(found.runs, program.contract.evaluate.repeats)
    measurement["lowered"] = found.reason
    reason = measurement["reason"] or judge.judge_baseline(program.contract, measurement["metrics"]) or ""
    if changed and not reason:
        reason = f"{changed[0]} while it ran"
    if not reason and not program.contract.sandbox.cache:  # what it compiled is gone, so no session may take it
        _remember(project, opened, fingerprints, measurement, log)
    return Rehearsal(found.opened, tuple(warnings), capabilities, measurement, reason, log)


async def _runs(bench: Bench, void: str) -> Chosen:
    filled = await bench.fill()
    if filled and filled.outcome != "ok":
        return Chosen(bench.opened, [filled])

    async def run(opened: Opened) -> list[Measurement]:
        return await replace(bench, opened=opened).measure(bench.baseline(), 0)

    return await chosen(run, bench.opened, void)


def _bytes_of(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _remember(
    project: Project, opened: Opened, pins: Mapping[str, str], measurement: Mapping[str, Any], log: bytes
) -> None:
    entry = project.repository.target_entry(project.base(opened.base), opened.target)
    key = baseline_cache.key_of(opened, pins, target_blob=entry.oid, backend=str(measurement["backend"]))
    baseline_cache.store(project.checkout.state_home(), key, measurement, log)


def log_end(log: bytes) -> str:
    """The last lines of a log, fit to be shown."""
    return "\n".join(printable(line) for line in log.decode("utf-8", "replace").splitlines()[-_LOG_LINES:])
