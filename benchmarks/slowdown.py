"""How much slower code runs inside: processor-bound, many small files, system calls, memory; per backend, interleaved.

Prints the ratio of the fastest of the rounds to the fastest plain one: the least that can be said of a noisy machine.
Time is taken by the code itself, so that the start is left out. Run with `python benchmarks/slowdown.py [rounds]`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio
from referee.sandbox import probe
from referee.sandbox.backends import BACKENDS
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Level, Limits, TrialSpec

ROUNDS = 5
_TIMED = """
import os, time
{prepare}
started = time.perf_counter()
{work}
print("seconds:", time.perf_counter() - started)
"""
_LOADS = {
    "processor": ("", "x = 0\nfor i in range(12_000_000):\n    x += i * i % 7"),
    "small files": (
        "for i in range(400): open(f'f{i}', 'w').write('x' * 100)",
        "for _ in range(40):\n    for i in range(400):\n        with open(f'f{i}') as file:\n            file.read()",
    ),
    "system calls": ("", "for _ in range(1_000_000): os.getppid()"),
    "memory": ("", "for _ in range(60): bytearray(32 << 20)"),
}


def _specification(base: Path, load: str) -> TrialSpec:
    python, readable = probe.interpreter()
    for name in ("snapshot", "project"):
        (base / name).mkdir(exist_ok=True)
        (base / name).chmod(0o777)
    prepare, work = _LOADS[load]
    return TrialSpec(
        snapshot=str(base / "snapshot"),
        root=str(base / "project"),
        cwd=str(base / "project"),
        target="load.py",
        target_text=_TIMED.format(prepare=prepare, work=work),
        target_mode=0o644,
        argv=(python, "-I", "load.py"),
        env={},
        readable=readable,
        network=False,
        minimum=Level.NONE,
        limits=Limits(wall_seconds=300),
        metrics=("seconds",),
        scratch=str(base / "scratch"),
        log=str(base / "log"),
    )


def _plain(spec: TrialSpec) -> float:
    with tempfile.TemporaryDirectory(dir=spec.cwd) as folder:
        Path(folder, spec.target).write_text(spec.target_text, encoding="utf-8")
        done = subprocess.run(spec.argv, check=True, capture_output=True, cwd=folder)
    return float(done.stdout.split(b":")[1])


async def main(rounds: int) -> None:
    """Measure every load in every backend that works here."""
    keys: list[str] = []
    for key in BACKENDS:
        async with Launcher(only=key) as launcher:
            if (await launcher.look()).key == key:
                keys.append(key)
    with tempfile.TemporaryDirectory(prefix="referee-benchmark-") as folder:
        base = Path(folder)
        os.chmod(base, 0o755)  # noqa: S103 - trials of other users must get in
        async with Launcher() as launcher:
            for load in _LOADS:
                spec = _specification(base, load)
                times: dict[str, list[float]] = {key: [] for key in ["plain", *keys]}
                for _ in range(rounds):
                    times["plain"].append(_plain(spec))
                    for key in keys:
                        run = await launcher.run(spec, key)
                        if run.outcome != "ok":
                            raise SystemExit(f"{load} in {key}: {run.reason}")
                        times[key].append(run.metrics["seconds"])
                best = min(times["plain"])
                ratios = ", ".join(f"{key} x{min(times[key]) / best:.3f}" for key in keys)
                print(f"{load}: plain {best:.3f} s; {ratios}")


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
