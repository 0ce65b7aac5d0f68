"""What confinement adds to the start of a command: each backend against plain `subprocess.run`, interleaved.

Prints, per command, the median of plain starts and for every backend the median of what was added and the
ratio. Run with `python benchmarks/launch.py [rounds]`; figures mean something on a quiet machine only.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio
from referee.sandbox import probe
from referee.sandbox.backends import BACKENDS
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Level, Limits, TrialSpec

ROUNDS = 50
PAUSE = 0.15


def specification(base: Path, argv: tuple[str, ...], readable: tuple[str, ...]) -> TrialSpec:
    """Return a trial of one command in an empty project."""
    for name in ("snapshot", "project"):
        (base / name).mkdir(exist_ok=True)
        (base / name).chmod(0o777)
    return TrialSpec(
        snapshot=str(base / "snapshot"),
        root=str(base / "project"),
        cwd=str(base / "project"),
        target="train.py",
        target_text="",
        target_mode=0o644,
        argv=argv,
        env={},
        readable=readable,
        network=False,
        minimum=Level.NONE,
        limits=Limits(wall_seconds=60),
        metrics=(),
        scratch=str(base / "scratch"),
        log=str(base / "log"),
    )


def plain(spec: TrialSpec) -> float:
    """Return the seconds of a plain start."""
    started = time.perf_counter()
    subprocess.run(spec.argv, check=True, capture_output=True, stdin=subprocess.DEVNULL, cwd=spec.cwd)
    return time.perf_counter() - started


async def confined(launcher: Launcher, spec: TrialSpec, key: str, following: TrialSpec | None = None) -> float:
    """Return the seconds from the call to the measurement; without a following trial its folder is gone by then."""
    started = time.perf_counter()
    run = await launcher.run(spec, key, following=following)
    if run.outcome != "ok":
        raise SystemExit(f"{key}: {run.reason}")
    return time.perf_counter() - started


async def compare(name: str, spec: TrialSpec, keys: list[str], rounds: int) -> None:
    """Measure one command in every backend: the first trial of a session, and those after it."""
    for key in keys:
        fresh: list[float] = []
        after: list[float] = []
        base: list[float] = []
        async with Launcher() as first, Launcher() as later:
            await confined(first, spec, key)
            await confined(later, spec, key, spec)
            for _ in range(rounds):
                # The last world is removed and the next one built in this time; an agent thinks for longer.
                await anyio.sleep(PAUSE)
                base.append(plain(spec))
                after.append(await confined(later, spec, key, spec))
                await anyio.sleep(PAUSE)
                fresh.append(await confined(first, spec, key))
        print(
            f"{name}, {key}: plain {statistics.median(base) * 1000:.1f} ms; {_added('fresh', fresh, base)}; "
            f"{_added('prepared', after, base)}"
        )


def _added(name: str, times: list[float], base: list[float]) -> str:
    median, plain_median = statistics.median(times), statistics.median(base)
    return f"{name} +{(median - plain_median) * 1000:.1f} ms (x{median / plain_median:.2f})"


async def main(rounds: int) -> None:
    """Measure every backend that works here."""
    python, readable = probe.interpreter()
    keys: list[str] = []
    for key in BACKENDS:
        async with Launcher(only=key) as launcher:
            if (await launcher.look()).key == key:
                keys.append(key)
    with tempfile.TemporaryDirectory(prefix="referee-benchmark-") as folder:
        base = Path(folder)
        os.chmod(base, 0o755)  # noqa: S103 - trials of other users must get in
        commands = {"/bin/true": ("/bin/true",), "python3 -c pass": (python, "-c", "pass")}
        for name, argv in commands.items():
            await compare(name, specification(base, argv, readable), keys, rounds)


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
