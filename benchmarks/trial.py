"""What one whole trial costs over running the evaluator directly: edit, run, verdict, keep, row.

Interleaved: each round runs the evaluator's command once with `subprocess.run`, then one `run_trial` through a real
stdio server. Prints medians, the added time, and the share of each part.

    python benchmarks/trial.py [--rounds 30]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from bare_python import put_first
from mcp import Client, StdioServerParameters
from referee.sandbox.launch import Launcher
from referee.session import rows, trials
from referee.session.loop import Call, Loop
from referee.session.session import Change, Session

PYTHON = "python3"
PROGRAM = f"""---
target: train.py
evaluate: {{command: {PYTHON} evaluate.py, timeout: 60s}}
metrics: {{loss: minimize}}
budget: {{max_experiments: null}}
---
"""
EVALUATOR = """import train
print("loss:", train.LOSS)
"""


def make_project(folder: Path) -> Path:
    """A repository whose evaluator imports the target and prints one number."""
    project = folder / "project"
    project.mkdir()
    for name, text in {"program.md": PROGRAM, "evaluate.py": EVALUATOR, "train.py": "LOSS = 1000000\n"}.items():
        (project / name).write_text(text, encoding="utf-8")
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "base"]):
        subprocess.run(["git", *identity, *words], cwd=project, check=True)
    return project


def direct(project: Path) -> float:
    """Seconds of the evaluator's command alone."""
    started = time.perf_counter()
    subprocess.run([PYTHON, "evaluate.py"], cwd=project, check=True, capture_output=True)
    return time.perf_counter() - started


async def whole(project: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of the direct run and of the whole trial, round by round, through a stdio server."""
    plain: list[float] = []
    refereed: list[float] = []
    words = ["-m", "referee", "serve", "--repo", str(project)]
    server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
    async with Client(server) as client:
        await client.call_tool("run_eval", {"description": "baseline"})
        for number in range(rounds):
            plain.append(direct(project))
            content = f"LOSS = {rounds - number}\n"
            started = time.perf_counter()
            result = await client.call_tool("run_trial", {"description": f"round {number}", "content": content})
            refereed.append(time.perf_counter() - started)
            kept = (result.structured_content or {}).get("decision")
            if kept != "keep":
                raise SystemExit(f"round {number} was not kept: {result}")
    return plain, refereed


async def parts(project: Path, rounds: int) -> dict[str, float]:
    """Median seconds of each part of a trial, measured inside one process."""
    spent: dict[str, list[float]] = defaultdict(list)
    _time_verbs(spent)
    async with Loop(project, "parts") as loop:
        await loop.run(Call("run_eval"), "baseline", 60)
        spent.clear()
        for number in range(rounds):
            change = Change(content=f"LOSS = {rounds - number}\n")
            await loop.run_trial(Call("run_trial", {"n": number}), change, rows.Words(f"round {number}"), 60)
    return {name: statistics.median(values) for name, values in spent.items()}


def _time_verbs(spent: dict[str, list[float]]) -> None:
    def timed(name: str, verb: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return verb(*given, **named)
            finally:
                spent[name].append(time.perf_counter() - started)

        return run

    def awaited(name: str, verb: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def run(*given: Any, **named: Any) -> Any:
            started = time.perf_counter()
            measurement = await verb(*given, **named)
            spent[name].append(time.perf_counter() - started - measurement.seconds)
            spent["evaluator"].append(measurement.seconds)
            return measurement

        return run

    Session.edit = timed("edit", Session.edit)
    trials.begin = timed("begin: charge, tree, verify", trials.begin)
    trials.finish = timed("finish: verify, judge, commit, refs", trials.finish)
    rows.conclude = timed("decide, refs, row", rows.conclude)
    Launcher.measure = awaited("sandbox: start, death proof, clean up", Launcher.measure)


def main() -> None:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REFEREE_STATE_DIR"] = f"{folder}/state"
        put_first(Path(folder, "environment"))
        project = make_project(Path(folder))
        plain, refereed = anyio.run(whole, project, rounds)
        shares = anyio.run(parts, project, rounds)
    alone, trial = statistics.median(plain), statistics.median(refereed)
    print(f"evaluator alone    {alone * 1000:7.1f} ms")
    print(f"whole trial        {trial * 1000:7.1f} ms   {trial / alone:.2f}x")
    print(f"added              {(trial - alone) * 1000:7.1f} ms")
    print("parts, in process:")
    for name, seconds in shares.items():
        print(f"  {name:38} {seconds * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
