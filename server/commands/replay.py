"""`referee replay`: kept commits measured again from the journal alone; says whether the record stands."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from ...sandbox.launch import Launcher
from ...session.combined import combine
from ...session.journal import Record
from ...session.numbers import show
from ...session.pins import Pins, differences
from ...session.places import probes
from ...session.plan import asked, gpus, hashed_environment, refuse_unset
from ...session.replay import Replayed, chosen, compare, recorded_text
from ...session.state import Trial
from ..apart import Bench, own_folder, snapshot
from .common import add_json, add_repo, add_tag
from .screen import say, say_json, table, width
from .sessions import Seen, seen

DISAGREES = 1


@dataclass(frozen=True, slots=True)
class Found:
    """What a replay found: each trial, and what differs from what the session was opened with, one sentence each."""

    trials: tuple[Replayed, ...]
    differs: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    help_text = "measure this one again, kept or not; 0 is the baseline (default: every kept trial and the baseline)"
    parser.add_argument("--trial", type=int, metavar="N", help=help_text)
    add_repo(parser)
    add_tag(parser)
    add_json(parser)


def run(given: argparse.Namespace) -> int:
    """Measure again and compare."""
    return replay(given.repo, given.tag, given.trial, as_json=given.json)


def replay(repo: Path, tag: str | None, number: int | None, *, as_json: bool) -> int:
    """Print what was recorded and what is measured now, and return 0 if all of it agrees, else 1.

    Raises:
        RefereeError: If there is nothing to measure, or it cannot be measured here.
    """
    with seen(repo, tag) as session:
        trials = chosen(session.state, number)
        refuse_unset(session.state.opened.contract.evaluate.secrets)
        found = anyio.run(_measured, session, trials)
        if as_json:
            say_json(_data(session, found))
        else:
            say("\n".join(_lines(session, found)))
    return 0 if all(one.agrees for one in found.trials) else DISAGREES


async def _measured(session: Seen, trials: Sequence[Trial]) -> Found:
    opened, project = session.state.opened, session.project
    texts = [recorded_text(project, session.state, trial) for trial in trials]
    pins, replayed = Pins(tuple(opened.pins)), list[Replayed]()
    differs = _differs(session.records[0], pins, hashed_environment(opened))
    async with Launcher(probes=probes()) as launcher:
        sandbox = opened.contract.sandbox
        await launcher.capabilities(sandbox.minimum, gpus(sandbox), asked(sandbox))
        with own_folder(project, "replay") as home:
            frozen = snapshot(project, opened, home)
            bench = Bench(project, opened, home, launcher)
            filled = await bench.fill()
            for trial, text in zip(trials, texts, strict=True):
                _announce(trial)
                runs = [filled] if filled and filled.outcome != "ok" else await bench.measure(text, trial.number)
                changed = [f"{said} the snapshot" for said in frozen.verify()]
                changed += [f"{name} was changed" for name in pins.moved()]
                now = combine(runs, opened.contract.evaluate.repeats)
                replayed.append(compare(opened.contract, trial, session.measurement(trial.number), now, changed))
    return Found(tuple(replayed), tuple(differs))


def _differs(record: Record, pins: Pins, environment: dict[str, str]) -> list[str]:
    inputs = map(pins.named, differences(record.data["pins"], pins.take()))
    variables = differences(record.data["env"], environment)
    said = "is not what it was when the session opened"
    return [*(f"{path} {said}" for path in inputs), *(f"the variable {name} {said}" for name in variables)]


def _announce(trial: Trial) -> None:
    if sys.stderr.isatty():
        print(f"measuring trial {trial.number} ...", file=sys.stderr)  # noqa: T201 - the command line speaks here


def _data(session: Seen, found: Found) -> dict[str, Any]:
    return {
        "tag": session.tag,
        "metric": session.state.opened.contract.primary,
        "agrees": all(one.agrees for one in found.trials),
        "differs": list(found.differs),
        "trials": [
            {
                "trial": one.trial,
                "commit": session.state.trials[one.trial].commit,
                "recorded": one.recorded,
                "measured": one.measured,
                "difference": one.difference,
                "noise": one.noise,
                "agrees": one.agrees,
                "text": one.text,
            }
            for one in found.trials
        ],
    }


def _lines(session: Seen, found: Found) -> list[str]:
    rows = [["trial", "recorded", "measured", "difference", "agrees"]]
    for one in found.trials:
        now = "" if one.measured is None else show(one.measured)
        difference = "" if one.difference is None else f"{'+' if one.difference > 0 else ''}{show(one.difference)}"
        rows.append([str(one.trial), show(one.recorded), now, difference, one.text])
    count, agreed = len(found.trials), sum(one.agrees for one in found.trials)
    return [
        f"session {session.tag}: {session.state.opened.contract.primary}, measured again from its journal",
        *(f"note: {said}" for said in found.differs),
        *table(rows, width()),
        f"{agreed} of {count} agree.",
    ]
