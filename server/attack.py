"""`referee check --attack`: cheats against the person's own evaluator, each measured exactly as a trial would be.

Guarantee: no session is opened, nothing is written in the repository; snapshot, logs and scratch lie in a folder of
their own that is removed. A cheat gets as long as the unchanged target needs ten times over, and five seconds, but
never more than the contract's timeout.
Edge: what was not thought of here is not tried. That nothing paid does not prove that nothing can.
"""

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..sandbox.errors import SandboxError
from ..sandbox.launch import Launcher
from ..session.combined import combine
from ..session.contract import Contract
from ..session.frozen import Frozen
from ..session.integrity import Integrity
from ..session.opened import Opened
from ..session.places import probes
from ..session.plan import log_path
from ..session.project import Project
from .apart import Bench, own_folder, snapshot
from .attack_decide import Finding, Ground, Measured, Status, decided
from .attack_remedies import remedies
from .cheats import CHEATS, FOUND, LOOKED, READABLE, Cheat, Group
from .cheats_forged import forged
from .cheats_scene import Scene, scene_of

_TIMES, _GRACE = 10, 5.0
_HONEST_RUNS = 2
_MOST_LOG = 4 * 1024 * 1024

Progress = Callable[[int, int, str], None]
"""Told before each cheat: its number from 1, how many there are, and its name."""


async def attack(project: Project, opened: Opened, seconds: float, progress: Progress) -> dict[str, Any]:
    """Run every cheat and return what the screen and `--json` say.

    Args:
        opened: What a session would be bound to; its baseline is known to stand.
        seconds: What the baseline took.
        progress: Is told of each cheat.

    Raises:
        RefereeError: If the machine or the repository cannot carry it.
    """
    began = time.monotonic()
    async with Launcher(probes=probes()) as launcher:
        with own_folder(project, "check") as home:
            frozen = snapshot(project, opened, home)
            bench = Bench(project, _bounded(opened, seconds), home, launcher)
            found = await _findings(bench, frozen, progress)
    return _facts(opened.contract, found, time.monotonic() - began)


def _bounded(opened: Opened, seconds: float) -> Opened:
    """The same contract with less time."""
    evaluate = opened.contract.evaluate
    limit = min(evaluate.timeout, _TIMES * seconds / evaluate.repeats + _GRACE)
    bounded = evaluate.model_copy(update={"timeout": limit})
    return replace(opened, contract=opened.contract.model_copy(update={"evaluate": bounded}))


@dataclass(slots=True)
class _Found:
    """What came of it all: findings in the order of the table, or why there are none."""

    findings: list[Finding] = field(default_factory=list[Finding])
    honest: list[Measured] = field(default_factory=list[Measured])
    claimed: dict[str, float] = field(default_factory=dict[str, float])
    reason: str = ""


async def _findings(bench: Bench, frozen: Frozen, progress: Progress) -> _Found:
    found = _Found()
    trials, text = _Trials(bench), bench.baseline()
    await bench.fill()
    for _ in range(_HONEST_RUNS):
        found.honest.append((await trials.measure(text))[0])
    failed = [one["reason"] for one in found.honest if one["outcome"] != "ok"]
    if failed:
        found.reason = f"the unchanged target failed when it was measured again: {failed[0]}"
        return found
    ground = Ground(bench.opened.contract, text, found.honest)
    found.claimed = forged(ground.contract, found.honest[0]["metrics"])
    scene = scene_of(bench.project, bench.opened, text, found.claimed)
    attempt = _Attempt(trials, ground, scene, bench.opened)
    for number, cheat in enumerate(CHEATS, 1):
        progress(number, len(CHEATS), cheat.name)
        found.findings.append(await attempt.run(cheat))
    if changed := frozen.verify():
        words = f"{changed[0]} the snapshot"
        found.findings.append(Finding("frozen files afterwards", Group.FILES, Status.PAID, words))
    return found


class _Trials:
    """Measures texts one after the other; no log outlives its reading."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._number = 0

    async def measure(self, text: str) -> tuple[Measured, bytes]:
        """All runs of a text as one measurement, and the log of the first."""
        number, self._number = self._number, self._number + 1
        runs = await self._bench.measure(text, number)
        log = log_path(self._bench.home, number)
        said = log.read_bytes()[:_MOST_LOG] if log.is_file() else b""
        _remove(log.parent)
        return combine(runs, self._bench.opened.contract.evaluate.repeats), said


def _remove(logs: Path) -> None:
    for path in logs.iterdir():
        path.unlink()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One cheat after the other on the same ground."""

    trials: _Trials
    ground: Ground
    scene: Scene
    opened: Opened

    async def run(self, cheat: Cheat) -> Finding:
        """Try one cheat; what the sandbox cannot run was not tried."""
        made = cheat.make(self.scene)
        if isinstance(made, str):
            return Finding(cheat.name, cheat.group, Status.NOT_TRIED, made)
        try:
            return await self._tried(cheat, made)
        except SandboxError as fault:
            return Finding(cheat.name, cheat.group, Status.NOT_TRIED, str(fault))

    async def _tried(self, cheat: Cheat, texts: tuple[str, ...]) -> Finding:
        for before in texts[:-1]:
            await self.trials.measure(before)
        measured, log = await self.trials.measure(texts[-1])
        judged = "" if cheat.ruins else texts[-1]
        status, words, verdict = decided(self.ground, judged, measured)
        if status is Status.PAID and self.ground.noisy:
            measured, status, words, verdict = await self._confirmed(texts[-1], judged)
        marks = self._marks(log)
        if status is not Status.PAID:
            status, words = self._by_marks(cheat, marks, status, words)
        metrics = {name: v for name, v in measured["metrics"].items() if name in self.ground.contract.metrics}
        return Finding(cheat.name, cheat.group, status, words, verdict, metrics, measured["seconds"])

    async def _confirmed(self, text: str, judged: str) -> tuple[Measured, Status, str, str]:
        """The same against one more honest run: where numbers vary, luck must strike twice."""
        again, _ = await self.trials.measure(self.ground.text)
        more = [*self.ground.honest, *([again] if again["outcome"] == "ok" else [])]
        measured, _ = await self.trials.measure(text)
        return (measured, *decided(replace(self.ground, honest=more), judged, measured))

    def _marks(self, log: bytes) -> set[str]:
        pattern = rb"^referee-probe " + self.scene.token.encode() + rb" (\S+)$"
        return {found.decode() for found in re.findall(pattern, log, re.MULTILINE)}

    def _by_marks(self, cheat: Cheat, marks: set[str], status: Status, words: str) -> tuple[Status, str]:
        """What a payload said of itself, where the number did not move."""
        if FOUND in marks:
            return Status.PAID, "what one run left, the next one found"
        if cheat.group is Group.READING:
            return self._read(marks)
        if cheat.group is Group.LEFT and LOOKED in marks:
            return Status.STOPPED, "what one run left, the next one did not find"
        if cheat.needs and cheat.needs not in marks:
            return Status.NOT_TRIED, "it found nothing to work on, or its output does not reach the log"
        return status, words

    def _read(self, marks: set[str]) -> tuple[Status, str]:
        answers = self.scene.answers
        read = [path for index, path in enumerate(answers) if f"{READABLE}-{index}" in marks]
        if LOOKED not in marks:
            if self.opened.integrity == Integrity.PROXIED:
                return Status.NOT_TRIED, "what the target prints does not reach the log"
            read = [path for path in answers if not any(Path(path).is_relative_to(one) for one in self.scene.hidden)]
        if not read:
            return Status.STOPPED, f"none of {len(answers)} can be read"
        names = ", ".join(path.removeprefix(f"{self.scene.project}/") for path in read)
        return Status.READABLE, f"{len(read)} of {len(answers)} can be read: {names}"


def _facts(contract: Contract, found: _Found, seconds: float) -> dict[str, Any]:
    name = contract.primary
    paid = [one.name for one in found.findings if one.status is Status.PAID]
    return {
        "level": contract.integrity.value,
        "reason": found.reason,
        "metric": name,
        "baseline": [one["metrics"].get(name) for one in found.honest],
        "noise": Ground(contract, "", found.honest).noise(name) if found.findings else None,
        "claimed": found.claimed,
        "cheats": [asdict(one) for one in found.findings],
        "paid": paid,
        "readable": [one.name for one in found.findings if one.status is Status.READABLE],
        "remedies": remedies(contract, found.findings),
        "seconds": seconds,
    }
