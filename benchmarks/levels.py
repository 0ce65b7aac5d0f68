"""What each level of integrity costs over running the evaluator by hand, whole trials through a real server.

Interleaved: each round runs the evaluator by hand with `subprocess.run`, then one `run_trial` over stdio. Prints, for
every level and length of the evaluator's own work, the medians and their ratio.

    python benchmarks/levels.py [--rounds 15] [--work 0.1 1.0]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
from bare_python import put_first
from mcp import Client, StdioServerParameters

PYTHON = "python3"
WORK = """import time

def answer(number):
    end = time.perf_counter() + {work}
    while time.perf_counter() < end:
        pass
    return number / 2
"""


@dataclass(frozen=True, slots=True)
class Level:
    """One way to measure the same work."""

    evaluate: str
    files: Mapping[str, str]
    by_hand: tuple[tuple[str, ...], ...]
    target: str = WORK


LEVELS = {
    "self-reported": Level(
        f"{{command: {PYTHON} evaluate.py, timeout: 60s}}",
        {"evaluate.py": "import train\nprint('score:', train.answer(1))\n"},
        ((PYTHON, "evaluate.py"),),
    ),
    "sealed": Level(
        f"{{command: {PYTHON} train.py, score: {PYTHON} score.py, artifacts: [out/], timeout: 60s}}",
        {"score.py": "print('score:', float(open('out/answer.txt').read()))\n"},
        ((PYTHON, "train.py"), (PYTHON, "score.py")),
        WORK + "import os\nos.makedirs('out', exist_ok=True)\nopen('out/answer.txt', 'w').write(str(answer(1)))\n",
    ),
    "proxied": Level(
        "{function: evaluator.py:evaluate, timeout: 60s}",
        {
            "evaluator.py": "import importlib.util\n\ndef evaluate(path):\n"
            "    spec = importlib.util.spec_from_file_location('target', path)\n"
            "    module = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(module)\n"
            "    return {'score': module.answer(1)}\n"
        },
        ((PYTHON, "-c", "import evaluator\nprint(evaluator.evaluate('train.py'))"),),
    ),
}


def make_project(folder: Path, level: Level, work: float) -> Path:
    """A repository that is measured at one level."""
    project = folder / "project"
    project.mkdir(parents=True)
    program = (
        f"---\ntarget: train.py\nevaluate: {level.evaluate}\nmetrics: {{score: maximize}}\n"
        "budget: {max_experiments: null}\n---\n"
    )
    files = {**level.files, "program.md": program, "train.py": level.target.replace("{work}", str(work))}
    for name, text in files.items():
        (project / name).write_text(text, encoding="utf-8")
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "base"]):
        subprocess.run(["git", *identity, *words], cwd=project, check=True)
    return project


def by_hand(project: Path, level: Level) -> float:
    """Seconds of the evaluator alone."""
    started = time.perf_counter()
    for words in level.by_hand:
        subprocess.run(words, cwd=project, check=True, capture_output=True)
    return time.perf_counter() - started


async def compare(folder: Path, level: Level, work: float, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds by hand and of whole trials, in turns."""
    project = make_project(folder, level, work)
    text = (project / "train.py").read_text(encoding="utf-8")
    direct: list[float] = []
    trials: list[float] = []
    words = ["-m", "referee", "serve", "--repo", str(project)]
    server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ), cwd="/")
    async with Client(server) as client:
        for number in range(rounds + 1):
            arguments = {"description": f"round {number}", "content": f"{text}# {number}\n"}
            hand = by_hand(project, level)
            started = time.perf_counter()
            result = await client.call_tool("run_trial", arguments)
            seconds = time.perf_counter() - started
            if result.is_error:
                raise SystemExit(str(result.content))
            if number:  # the first also measures the baseline
                direct.append(hand)
                trials.append(seconds)
    return direct, trials


async def main(rounds: int, works: list[float]) -> None:
    """Measure every level with every length of work."""
    with tempfile.TemporaryDirectory(prefix="referee-levels-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - trials of other users must get in
        put_first(Path(folder, "environment"))
        os.environ["REFEREE_STATE_DIR"] = str(Path(folder, "state"))
        for work in works:
            for name, level in LEVELS.items():
                direct, trials = await compare(Path(folder, f"{name}-{work}"), level, work, rounds)
                base, whole = statistics.median(direct), statistics.median(trials)
                print(f"{name}, {work:g} s of work: by hand {base:.3f} s, trial {whole:.3f} s, x{whole / base:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--work", type=float, nargs="+", default=[0.1, 1.0])
    given = parser.parse_args()
    anyio.run(main, given.rounds, given.work)
