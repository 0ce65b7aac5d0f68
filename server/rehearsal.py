"""The baseline measured without a session: what `referee check` does, and nothing that a session would notice.

Guarantee: no ref, row, journal or pointer is written. What remains is one entry of the cache of baselines; the snapshot
is made in a folder of its own and removed, also after an earlier check that was killed.
"""

import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..sandbox.launch import Launcher
from ..sandbox.spec import Capabilities, Measurement
from ..session import baseline_cache, judge
from ..session.combined import combine
from ..session.contract import Program
from ..session.errors import RepositoryError
from ..session.frozen import Frozen, frozen
from ..session.opened import Opened
from ..session.pins import Pins
from ..session.places import probes
from ..session.plan import asked, gpus, log_path, trial_spec
from ..session.preparing import prepare
from ..session.project import Project
from ..session.untrusted import printable

_FOLDER = ".check"  # no tag can begin with a dot
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
        with _own_folder(project) as home:
            snapshot = _snapshot(project, opened, home)
            runs = await _runs(project, opened, home, launcher)
            log = _bytes_of(log_path(home, 0))
            changed = [*(f"{said} the snapshot" for said in snapshot.verify()), *pins.moved()]
    measurement = combine(runs, program.contract.evaluate.repeats)
    reason = measurement["reason"] or judge.judge_baseline(program.contract, measurement["metrics"]) or ""
    if changed and not reason:
        reason = f"{changed[0]} while it ran"
    if not reason and not program.contract.sandbox.cache:  # what it compiled is gone, so no session may take it
        _remember(project, opened, fingerprints, measurement, log)
    return Rehearsal(opened, tuple(warnings), capabilities, measurement, reason, log)


@contextmanager
def _own_folder(project: Project) -> Generator[Path]:
    """A private folder for one check of this repository at a time, empty at first and gone afterwards."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 - costs time that only a check has to pay

    home = project.checkout.state_home() / _FOLDER
    home.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.parent / f"{_FOLDER}.lock", mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise RepositoryError("another `referee check` of this repository is running. Wait for it to end.") from None
    try:
        _remove(home)
        for folder in (home, home / "logs", home / "scratch"):
            folder.mkdir(mode=0o700)
        yield home
    finally:
        _remove(home)
        lock.release()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _snapshot(project: Project, opened: Opened, home: Path) -> Frozen:
    snapshot = frozen(home, project, opened)
    snapshot.open()
    return snapshot


async def _runs(project: Project, opened: Opened, home: Path, launcher: Launcher) -> list[Measurement]:
    evaluate = opened.contract.evaluate
    entry = project.repository.target_entry(project.base(opened.base), opened.target)
    text = project.repository.text(entry.oid, opened.target)
    runs: list[Measurement] = []
    fills = bool(opened.contract.sandbox.cache)
    while len(runs) < evaluate.repeats and not (runs and runs[-1].outcome != "ok"):
        spec = trial_spec(
            opened,
            project.checkout,
            home,
            text=text,
            mode=int(entry.mode, 8) & 0o777,
            number=0,
            run=len(runs),
            seconds=evaluate.timeout * evaluate.phases,
        )
        if fills and (filled := await launcher.measure(replace(spec, fill_caches=True))).outcome != "ok":
            return [filled]
        fills = False
        runs.append(await launcher.measure(spec))
    return runs


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
