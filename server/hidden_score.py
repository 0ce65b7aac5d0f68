"""Baseline and best measured on hidden data, beside whoever holds the session and without a word to it.

Guarantee: snapshot, hidden files and logs lie in a folder of the command's own, which is removed; nothing of the
session is written here. Both trials meet the same hidden data, or the measurement says that they did not.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..sandbox.launch import Launcher
from ..sandbox.spec import Measurement
from ..session.combined import combine
from ..session.errors import RefusedError
from ..session.feedback import all_lines
from ..session.hidden import of_session
from ..session.opened import Opened
from ..session.pins import Pins, differences
from ..session.places import probes
from ..session.plan import asked, gpus
from ..session.project import Project
from ..session.state import State, Trial
from .apart import Bench, own_folder, snapshot

_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """One trial on hidden data: its measurement, and the end of its log where that is not `ok`."""

    trial: Trial
    measurement: Mapping[str, Any]
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What was measured.

    Attributes:
        trials: The baseline, and the best unless it is that.
        data: Fingerprints of the hidden data outside git, by path.
        differs: What is not as it was when the session opened, one sentence each.
    """

    trials: tuple[Measured, ...]
    data: Mapping[str, str]
    differs: tuple[str, ...]


async def measure(project: Project, state: State) -> Hidden:
    """Measure the session's baseline and best with the hidden command.

    Raises:
        RefereeError: If there is no such command, nothing to measure, or it cannot be measured here.
    """
    opened = of_session(state)
    trials = dict.fromkeys(trial.number for trial in (state.baseline, state.best_trial) if trial)
    pins, data = Pins(tuple(state.opened.pins)), Pins(_outside(project, state.opened))
    differs = differences(state.opened.pins, pins.take())
    fingerprints = data.take()
    async with Launcher(probes=probes()) as launcher:
        sandbox = opened.contract.sandbox
        await launcher.capabilities(sandbox.minimum, gpus(sandbox), asked(sandbox))
        with own_folder(project, "holdout") as home:
            frozen = snapshot(project, opened, home)
            bench = Bench(project, opened, home, launcher)
            if (filled := await bench.fill()) and filled.outcome != "ok":
                raise RefusedError(f"the caches cannot be filled: {filled.reason}. Nothing was measured.")
            found: list[Measured] = []
            for number in trials:
                trial = state.trials[number]
                runs = await bench.measure(project.repository.text(trial.blob, opened.target), number)
                changed = [*frozen.verify(), *pins.moved(), *data.moved()]
                found.append(_measured(bench, trial, runs, changed))
    said = (f"{path} is not what it was when the session opened" for path in differs)
    return Hidden(tuple(found), fingerprints, tuple(said))


def _outside(project: Project, opened: Opened) -> tuple[str, ...]:
    """The hidden paths outside git."""
    declared, phase = opened.contract.holdout, opened.holdout
    if declared is None or phase is None:
        return ()
    places = (project.checkout.project / Path(path).expanduser() for path in declared.private)
    return tuple(path for place in places if (path := os.path.normpath(place)) in phase.readable)


def _measured(bench: Bench, trial: Trial, runs: list[Measurement], changed: list[str]) -> Measured:
    measurement = combine(runs, bench.opened.contract.evaluate.repeats)
    if changed and measurement["outcome"] == "ok":
        measurement |= {"outcome": "crash", "reason": f"{changed[0]}: changed while it was measured", "metrics": {}}
    failed = measurement["outcome"] != "ok"
    log = all_lines(bench.home, trial.number, len(runs) - 1)[-_LOG_LINES:] if failed else []
    return Measured(trial, measurement, tuple(log))
