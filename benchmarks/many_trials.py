"""Does a server grow with its session? Thousands of trials of a trivial evaluator through one real stdio server.

Prints, for each block of trials: median time of a trial, its ratio to the evaluator's command run directly in the same
block, time of the reading tools, and of the server with all its processes: memory, open descriptors, count. Then the
server is killed, and the session is opened again.

    python benchmarks/many_trials.py [--trials 10000] [--block 1000]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import psutil
from bare_python import put_first
from mcp import Client, StdioServerParameters

PROGRAM = """---
target: {path: number.txt, kind: data}
evaluate: {command: sh evaluate.sh, timeout: 60s}
metrics: {loss: minimize}
budget: {max_experiments: null, max_wall_clock_hours: null}
---
"""
EVALUATOR = 'read -r number < number.txt\necho "loss: $number"\n'
KEPT = 50  # one trial of so many is better than all before it


def make_project(folder: Path) -> Path:
    """A repository whose evaluator prints the number that its target holds."""
    project = folder / "project"
    project.mkdir()
    for name, text in {"program.md": PROGRAM, "evaluate.sh": EVALUATOR, "number.txt": "1000000\n"}.items():
        (project / name).write_text(text, encoding="utf-8")
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "base"]):
        subprocess.run(["git", *identity, *words], cwd=project, check=True)
    return project


def parameters(project: Path) -> StdioServerParameters:
    """How the server is started."""
    words = ["-m", "referee", "serve", "--repo", str(project)]
    return StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))


def servers() -> list[psutil.Process]:
    """The server and everything below it."""
    return psutil.Process().children(recursive=True)


def size() -> tuple[float, int, int]:
    """Memory in MB that is the server's own (shared pages by their share), descriptors, processes."""
    memory, descriptors, count = 0.0, 0, 0
    for process in servers():
        with suppress(psutil.Error):
            memory += process.memory_full_info().pss / 1e6
            descriptors += process.num_fds()
            count += 1
    return memory, descriptors, count


def direct(project: Path) -> float:
    """Seconds of the evaluator's command alone."""
    started = time.perf_counter()
    subprocess.run(["sh", "evaluate.sh"], cwd=project, check=True, capture_output=True)
    return time.perf_counter() - started


async def call(client: Client, tool: str, **arguments: Any) -> float:
    """Seconds of one call that must succeed."""
    started = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise SystemExit(f"{tool} failed: {result}")
    return time.perf_counter() - started


def texts(count: int) -> Iterator[tuple[int, str]]:
    """Trials and their targets, all different; every `KEPT`th is the best so far."""
    for number in range(1, count + 1):
        yield number, f"{1_000_000 - number if number % KEPT == 0 else 2_000_000 + number}\n"


async def play(project: Path, trials: int, block: int) -> None:
    """Run the trials and print a line for each block."""
    print("  trials  ms/trial  x direct  read_results  check_budget  memory MB  descriptors  processes")
    async with Client(parameters(project)) as client:
        await call(client, "run_eval", description="baseline")
        taken: list[float] = []
        plain: list[float] = []
        for number, text in texts(trials):
            taken.append(await call(client, "run_trial", description=f"number {number}", content=text))
            if number % 20 == 0:
                plain.append(direct(project))
            if number % block == 0:
                reading = statistics.median([await call(client, "read_results") for _ in range(9)])
                checking = statistics.median([await call(client, "check_budget") for _ in range(9)])
                memory, descriptors, count = await anyio.to_thread.run_sync(size)
                trial, ratio = statistics.median(taken), statistics.median(taken) / statistics.median(plain)
                print(
                    f"{number:8d}  {trial * 1000:8.1f}  {ratio:8.1f}  {reading * 1000:9.1f} ms  "
                    f"{checking * 1000:9.1f} ms  {memory:9.1f}  {descriptors:11d}  {count:9d}",
                    flush=True,
                )
                taken.clear()
                plain.clear()
        for process in servers():
            process.kill()


async def again(project: Path) -> None:
    """Time a server of the killed session: its start, and the first call that opens it for writing."""
    started = time.perf_counter()
    async with Client(parameters(project)) as client:
        answered = time.perf_counter() - started
        opened = await call(client, "revert")
        print(f"killed, then started again: {answered:.2f} s to the first answer, {opened:.2f} s to open")
        print(f"the next trial: {await call(client, 'run_trial', description='one more', content='3000000')}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--block", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REFEREE_STATE_DIR"] = f"{folder}/state"
        put_first(Path(folder))
        project = make_project(Path(folder))
        with suppress(BaseExceptionGroup):  # the client of a server that was killed
            anyio.run(play, project, given.trials, given.block)
        anyio.run(again, project)


if __name__ == "__main__":
    main()
