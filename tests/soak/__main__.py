"""Kill real servers at random points of real trials, and put them through every other fault; report as a table.

    python -m tests.soak [--kills 300] [--seed N] [--minutes 30] [--workers 2] [--json FILE] [--no-faults]

The choices of a seed are always the same; where exactly a kill falls is the machine's. Exits 1 on any finding.
"""

import argparse
import random
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from . import faults, report, work
from .findings import Tally

_LIVES = 30  # of one session, so that several begin, and one grows a little
_MINUTE = 60.0
Tallies = dict[str, Tally]


def main() -> int:
    """Run the command; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--minutes", type=float, default=30.0, help="begin nothing after that")
    parser.add_argument("--workers", type=int, default=2, help="sessions at a time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    parser.add_argument("--no-faults", action="store_true", help="kills alone")
    options = parser.parse_args()
    _say(f"seed {options.seed}: {options.kills} kills within {options.minutes:g} minutes")
    begun = time.monotonic()
    until = begun + options.minutes * _MINUTE
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        names = [] if options.no_faults else list(faults.FAULTS)
        others = {name: pool.submit(work.fault, name, options.seed, until) for name in names}
        nights = [
            pool.submit(work.night, f"{options.seed}-{number}", min(_LIVES, options.kills - number * _LIVES), until)
            for number in range(-(-options.kills // _LIVES))
        ]
        tables, kills = _tried(others), _gather(nights)
    return _report(options, kills, tables, time.monotonic() - begun)


def _tried(others: "dict[str, Future[Tally | str]]") -> Tallies:
    done: Tallies = {}
    for name, future in others.items():
        result = future.result()
        if isinstance(result, str):
            _say(f"{name}: not tried: {result}")
        else:
            done[name] = result
    return done


def _gather(nights: "list[Future[Tallies]]") -> Tallies:
    done: list[Tallies] = []
    for future in nights:
        done.append(future.result())
        _say(f"{sum(tally.times for part in done for tally in part.values())} kills and ends of sessions")
    return report.merged(iter(done))


def _report(options: argparse.Namespace, kills: Tallies, tables: Tallies, seconds: float) -> int:
    killed = sum(tally.times for kind, tally in kills.items() if kind != "the end of a session")
    findings = [*report.words(kills), *report.words(tables)]
    facts: dict[str, Any] = {"seed": options.seed, "killed": killed, "seconds": round(seconds, 1)}
    _say(report.table(kills, tables), *findings)
    stopped = "" if killed >= options.kills else f" of {options.kills}: the time was up"
    _say(f"seed {options.seed}: {killed} kills{stopped}, {len(findings)} findings, {seconds:.0f} s")
    if options.json:
        options.json.write_text(report.as_json(facts, kills, tables) + "\n", encoding="utf-8")
    return 1 if findings else 0


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
