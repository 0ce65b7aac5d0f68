"""`results.tsv` and `budget.log`: views of the state in the columns that people know.

Guarantee: every decided trial that has its words has one row, in order; the file appears whole or not at all, a link
in its place is replaced and never followed. The columns are those of Karpathy's autoresearch, with one per metric.
Edge: the copy in the checkout is a courtesy. If it cannot be written the session goes on; the canonical copy lies in
the state.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from .contract import Contract
from .state import State, Trial

_MEMORY = "memory_gb"
_GIB = 1024**3


def columns(contract: Contract) -> list[str]:
    """Names of the columns, in order."""
    memory = [] if _MEMORY in contract.metrics else [_MEMORY]
    return ["commit", *contract.metrics, *memory, "status", "description"]


def number(value: float) -> str:
    """Six decimals, or as many digits as it takes to read back the same value."""
    text = f"{value:.6f}"
    return text if float(text) == value else repr(value)


def memory_gb(trial: Trial) -> float:
    """What the evaluator printed as `memory_gb` or `peak_vram_mb`, else the measured peak; GiB."""
    printed = trial.metrics
    if _MEMORY in printed:
        return printed[_MEMORY]
    if "peak_vram_mb" in printed:
        return printed["peak_vram_mb"] / 1024
    return float(trial.measurement.get("peak_memory_bytes", 0)) / _GIB


def row(contract: Contract, trial: Trial) -> list[str]:
    """The cells of one trial; the numbers of a crash are zeros."""
    decision = trial.decision.value if trial.decision else ""
    values = [number(0.0 if trial.failed else trial.metrics.get(name, 0.0)) for name in contract.metrics]
    memory = [] if _MEMORY in contract.metrics else [f"{0.0 if trial.failed else memory_gb(trial):.1f}"]
    return [trial.commit[:7], *values, *memory, decision, one_line(trial.row or "")]


def one_line(text: str) -> str:
    """The text with every control character and line break turned into a space."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def render(state: State) -> bytes:
    """The whole `results.tsv`."""
    contract = state.opened.contract
    return _table([columns(contract), *(row(contract, trial) for trial in state.rows)])


def render_budget(state: State) -> bytes:
    """The whole `budget.log`: what each trial cost, and who says so."""
    lines = [["trial", "seconds", "cost_usd", "source"]]
    for trial in state.trials.values():
        cost = "" if trial.cost_usd is None else f"{trial.cost_usd:.6f}"
        lines.append([str(trial.number), f"{trial.seconds:.3f}", cost, "reported" if cost else ""])
    return _table(lines)


def _table(lines: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_MINIMAL).writerows(lines)
    return text.getvalue().encode("utf-8")


def choose_name(project: Path, tag: str, tracked: Iterable[str]) -> str | None:
    """The name under which the checkout's copy can live without overwriting anything; None if there is none."""
    taken = set(tracked)
    for name in ("results.tsv", f"results-{tag}.tsv"):
        place = project / name
        if name not in taken and not place.exists() and not place.is_symlink():
            return name
    return None


def exclude(common_dir: Path, pattern: str) -> None:
    """Add a pattern to `.git/info/exclude` of the common directory, unless it stands there."""
    path = common_dir / "info" / "exclude"
    text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.is_file() else ""
    if pattern in text.splitlines():
        return
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{'' if not text or text.endswith(chr(10)) else chr(10)}{pattern}\n")
