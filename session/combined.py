"""The runs of one trial as one measurement, as the journal holds it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..sandbox.spec import Measurement
from .costs import evaluator_fault
from .numbers import median_metrics


def combine(runs: Sequence[Measurement], repeats: int) -> dict[str, Any]:
    """One measurement from the runs of a trial: the median of each metric, seconds added, the largest memory.

    The first run that is not `ok` decides the outcome; runs that are missing because time ran out make it a timeout,
    and a cost of the evaluator that is no amount of dollars makes it a crash.
    """
    last = runs[-1]
    whole = asdict(last)
    whole["metrics"] = median_metrics([run.metrics for run in runs]) if last.outcome == "ok" else dict(last.metrics)
    whole["seconds"] = sum(run.seconds for run in runs)
    whole["cpu_seconds"] = sum(run.cpu_seconds for run in runs)
    whole["peak_memory_bytes"] = max(run.peak_memory_bytes for run in runs)
    whole["runs"] = [dict(run.metrics) for run in runs]
    if last.outcome == "ok" and len(runs) < repeats:
        whole |= {"outcome": "timeout", "reason": f"time ran out after {len(runs)} of {repeats} runs"}
    if whole["outcome"] == "ok" and (fault := evaluator_fault(whole["runs"])):
        whole |= {"outcome": "crash", "reason": fault}
    return whole
