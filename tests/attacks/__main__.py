"""Run every attack and print how each ended, as a Markdown table; as root once more as an ordinary user.

    python -m tests.attacks [--update] [PART-OF-A-NAME ...]

`--update` writes what was seen to `expected.tsv`, except where that would call a hole right.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from referee.sandbox import scratch

from tests.attacks import table
from tests.attacks.arena import BACKENDS, CONFIGURATIONS, configuration
from tests.attacks.stage import stage
from tests.sandbox import ordinary_user
from tests.sandbox.conftest import unavailable

_SIGNS = {table.STOPPED: "stopped", table.THROUGH: "**through**", table.NOT_RUN: "not run"}
_PATIENCE = 3600.0
Line = tuple[str, str, str]


def main() -> int:
    """Run the command; 1 if something ended otherwise than the table says."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", help="only attacks whose name holds one of these")
    parser.add_argument("--update", action="store_true", help="write what was seen to expected.tsv")
    parser.add_argument("--lines", action="store_true", help="print plain lines, for the present user alone")
    options = parser.parse_args()
    chosen = [name for name in table.attacks() if not options.names or any(part in name for part in options.names)]
    lines = list(_own(chosen))
    if options.lines:
        _say("\t".join(line) for line in lines)
        return 0
    lines += _ordinary_users(options.names)
    return _report(lines, update=options.update)


def _report(lines: list[Line], *, update: bool) -> int:
    seen: table.Table = {}
    for name, at, cell in lines:
        seen.setdefault(name, {})[at] = cell
    _say([_markdown(seen)])
    expected = table.read()
    updated, weaker = table.merged(expected, seen)
    if update:
        table.write(updated)
    others = [f"{name} in {at}" for name, at, cell in lines if expected.get(name, {}).get(at) not in {None, cell}]
    _say(f"weaker than the table says: {place}" for place in weaker)
    _say(f"other than the table said: {place}" for place in others if place not in weaker)
    return 1 if others or not lines else 0


def _own(names: list[str]) -> Iterator[Line]:
    """Run attacks as the present user, each backend's on a stage of its own process."""
    keys = [key for key in BACKENDS if not unavailable(key)]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        for lines in pool.map(_in_backend, [names] * len(keys), keys):
            yield from lines


def _in_backend(names: list[str], key: str) -> list[Line]:
    known = table.attacks()
    with stage() as on:
        return [(name, configuration(key), table.outcome(known[name], key, on)[0]) for name in names]


def _ordinary_users(names: list[str]) -> list[Line]:
    if reason := ordinary_user.missing():
        _say([f"as an ordinary user: not run: {reason}"])
        return []
    ground = tempfile.mkdtemp(prefix="referee-test-")
    try:
        done = ordinary_user.run(Path(ground), "-m", "tests.attacks", "--lines", *names, seconds=_PATIENCE)
    finally:
        scratch.remove(ground)
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
    return [(name, at, cell) for name, at, cell in (line.split("\t") for line in done.stdout.splitlines())]


def _say(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _markdown(seen: table.Table) -> str:
    present = [at for at in CONFIGURATIONS if any(at in row for row in seen.values())]
    rows = [["attack", *present], ["---"] * (len(present) + 1)]
    for module, group in table.by_module().items():
        here = [attack.name for attack in group if attack.name in seen]
        rows += [[f"**{module}**", *[""] * len(present)]] if here else []
        rows += [[name, *(_SIGNS.get(seen[name].get(at, ""), "") for at in present)] for name in here]
    through = [str(sum(row.get(at) == table.THROUGH for row in seen.values())) for at in present]
    rows.append(["*through*", *through])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
