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


async def confined(launcher: Launcher, spec: TrialSpec, key: str) -> float:
    """Return the seconds of a whole trial, from the call to the removal of its folder."""
    started = time.perf_counter()
    run = await launcher.run(spec, key)
    if run.outcome != "ok":
        raise SystemExit(f"{key}: {run.reason}")
    return time.perf_counter() - started


async def compare(launcher: Launcher, name: str, spec: TrialSpec, keys: list[str], rounds: int) -> None:
    """Measure one command and print its table."""
    times: dict[str, list[float]] = {key: [] for key in ["plain", *keys]}
    for key in keys:
        await confined(launcher, spec, key)
    for _ in range(rounds):
        times["plain"].append(plain(spec))
        for key in keys:
            times[key].append(await confined(launcher, spec, key))
    base = statistics.median(times["plain"])
    print(f"{name}: plain {base * 1000:.1f} ms")
    for key in keys:
        median = statistics.median(times[key])
        print(f"  {key:26} +{(median - base) * 1000:6.1f} ms   x{median / base:.2f}")


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
        commands = {"/bin/true": ("/bin/true",), "python -c pass": (python, "-I", "-c", "pass")}
        async with Launcher() as launcher:
            for name, argv in commands.items():
                await compare(launcher, name, specification(base, argv, readable), keys, rounds)


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
