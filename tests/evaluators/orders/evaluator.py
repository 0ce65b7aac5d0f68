"""Scores how late the jobs of two days are, one day after the other, each with a time limit."""

import asyncio
import importlib.util
from types import ModuleType

SECONDS = 10.0


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("orders_program", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def day(count: int) -> list[dict[str, int]]:
    return [{"hours": 1 + index * 7 % 5, "due": 3 + index * 11 % (2 * count)} for index in range(count)]


def lateness(jobs: list[dict[str, int]], order: list[int]) -> int:
    if sorted(order) != list(range(len(jobs))):
        raise ValueError("the order is no permutation of the jobs")
    now = late = 0
    for index in order:
        now += jobs[index]["hours"]
        late += max(0, now - jobs[index]["due"])
    return late


async def one_day(program: ModuleType, count: int) -> dict[str, float]:
    jobs = day(count)
    order = await asyncio.wait_for(asyncio.to_thread(program.schedule, [dict(job) for job in jobs]), SECONDS)
    late = lateness(jobs, order)
    return {"late_hours": float(late), "late_per_job": late / count}


async def evaluate(program_path: str) -> dict[str, float | dict[str, float]]:
    program = load(program_path)
    small, large = await one_day(program, 8), await one_day(program, 30)
    score = 100.0 / (100.0 + small["late_hours"] + large["late_hours"])
    return {"combined_score": score, "small": small, "large": large}
