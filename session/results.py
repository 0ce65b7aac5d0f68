"""`results.tsv` and `budget.log`: views of the state in the columns that people know.

Guarantee: every decided trial that has its words has one row, in order; the file appears whole or not at all, a link
in its place is replaced and never followed. The columns are those of Karpathy's autoresearch, with one per metric.
Edge: the copy in the checkout is a courtesy. If it cannot be written the session goes on; the canonical copy lies in
the state.
"""

import csv
import errno
import io
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _csv

from .contract import Contract
from .costs import REPORTED
from .state import State, Trial

_MEMORY = "memory_gb"
_GIB = 1024**3
_WIDE = 1e15  # from here on repr is shorter, and as exact
_APART = 512  # lines that may be held one by one
_EXCLUDE_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def columns(contract: Contract) -> list[str]:
    """Names of the columns, in order."""
    memory = [] if _MEMORY in contract.metrics else [_MEMORY]
    return ["commit", *contract.metrics, *memory, "status", "description"]


def number(value: float) -> str:
    """Six decimals, or as many digits as it takes to read back the same value."""
    text = f"{value:.6f}"
    return text if float(text) == value and abs(value) < _WIDE else repr(value)


def memory_gb(trial: Trial) -> float:
    """What the evaluator printed as `memory_gb` or `peak_vram_mb`, else the measured peak; GiB."""
    printed = trial.metrics
    if _MEMORY in printed:
        return printed[_MEMORY]
    if "peak_vram_mb" in printed:
        return printed["peak_vram_mb"] / 1024
    return trial.peak_memory_bytes / _GIB


def row(contract: Contract, trial: Trial) -> list[str]:
    """The cells of one trial; the numbers of a crash are zeros."""
    decision = trial.decision.value if trial.decision else ""
    values = [number(0.0 if trial.failed else trial.metrics.get(name, 0.0)) for name in contract.metrics]
    memory = [] if _MEMORY in contract.metrics else [f"{0.0 if trial.failed else memory_gb(trial):.1f}"]
    return [trial.commit[:7], *values, *memory, decision, one_line(trial.row or "")]


def one_line(text: str) -> str:
    """The text with every control character and line break turned into a space."""
    plain = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())


class Table:
    """A table that grows with the session: a line is made anew only where its trial has changed.

    The lines of trials long finished are held as one text. If one of them changes after all, all lines are made anew.

    Args:
        head: Names of the columns.
        lines: The cells of a trial's lines, none while it has no line.
    """

    def __init__(self, head: list[str], lines: Callable[[Trial], list[list[str]]]) -> None:
        self._cells = lines
        self._text = io.StringIO()
        self._write = _writer(self._text).writerows
        self._head = self._settled = self._encoded([head])
        self._apart_from = 0  # lines of earlier trials are settled
        self._lines: dict[int, bytes] = {}

    def update(self, trials: Mapping[int, Trial], changed: Iterable[int], unfinished: Iterable[int] = ()) -> bytes:
        """The whole table, with the lines of the changed trials made anew; those of unfinished ones stay apart."""
        numbers, before = sorted(changed), min(unfinished, default=math.inf)
        if numbers and numbers[0] < self._apart_from:
            self._settled, self._apart_from, self._lines = self._head, 0, {}
            numbers = sorted(trials)
        for number in numbers:
            cells = self._cells(trials[number]) if number in trials else []
            self._lines.pop(number, None)
            if cells:
                self._lines[number] = self._encoded(cells)
            if len(self._lines) > _APART:
                self._settle(min(number, before))
        return b"".join([self._settled, *(line for _, line in sorted(self._lines.items()))])

    def _settle(self, before: float) -> None:
        """Settle the older lines of trials before that number, until half as many are left as may be held apart."""
        older = sorted(number for number in self._lines if number < before)[: len(self._lines) - _APART // 2]
        if older:
            self._settled = b"".join([self._settled, *map(self._lines.pop, older)])
            self._apart_from = older[-1] + 1

    def _encoded(self, lines: Iterable[list[str]]) -> bytes:
        self._text.seek(0)
        self._text.truncate()
        self._write(lines)
        return self._text.getvalue().encode("utf-8")


def rows(contract: Contract) -> Table:
    """`results.tsv`: one line for each trial that has its row."""
    return Table(columns(contract), lambda trial: [] if trial.row is None else [row(contract, trial)])


def costs() -> Table:
    """`budget.log`: what each trial cost, and who says so; `apart` gives its last lines.

    A trial whose dollars are of several sources has a line for each of them; its seconds stand in the first alone.
    """
    return Table(["trial", "seconds", "cost_usd", "source"], _cost)


def _cost(trial: Trial) -> list[list[str]]:
    amounts = [(f"{usd:.6f}", source) for source, usd in trial.costs.items()]
    if trial.cost_usd is not None and REPORTED not in trial.costs:
        amounts.append((f"{trial.cost_usd:.6f}", f"{REPORTED} (not counted)"))
    first, *others = amounts or [("", "")]
    return [[str(trial.number), f"{trial.seconds:.3f}", *first], *([str(trial.number), "", *more] for more in others)]


def apart(state: State) -> bytes:
    """The lines of `budget.log` for dollars of no trial: runs of clients, and baselines that failed."""
    text = io.StringIO()
    _writer(text).writerows(["", "", f"{usd:.6f}", source] for source, usd in state.account.apart.items())
    return text.getvalue().encode("utf-8")


def render(state: State) -> bytes:
    """The whole `results.tsv`."""
    return rows(state.opened.contract).update(state.trials, state.trials)


def render_budget(state: State) -> bytes:
    """The whole `budget.log`."""
    return costs().update(state.trials, state.trials) + apart(state)


def _writer(text: io.StringIO) -> "_csv.Writer":
    return csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)


def choose_name(project: Path, tag: str, tracked: Iterable[str]) -> str | None:
    """The name under which the checkout's copy can live without overwriting anything; None if there is none."""
    taken = set(tracked)
    for name in ("results.tsv", f"results-{tag}.tsv"):
        place = project / name
        if name not in taken and not place.exists() and not place.is_symlink():
            return name
    return None


def exclude(common_dir: Path, name: str) -> str:
    """Add a file's path to `.git/info/exclude` of the common directory, unless it stands there.

    Returns what a person should know if it cannot be added: no link is followed, and only a plain file is written.
    """
    # A file of ours that is not yet renamed lies beside it.
    folder, _, last = re.sub(r"([\\*?\[ ])", r"\\\1", f"/{name}").replace("\n", "?").rpartition("/")
    lines = [os.fsencode(f"{folder}/{last}"), os.fsencode(f"{folder}/.{last}.*")]
    info = common_dir / "info"
    try:
        info.mkdir(exist_ok=True)
        inside = os.open(info, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as fault:
        return f"{info} cannot be written ({fault.strerror}), so git shows {name} as untracked"
    try:
        _add_lines(os.open("exclude", _EXCLUDE_FLAGS, 0o644, dir_fd=inside), lines)
    except OSError as fault:
        return f"{info}/exclude cannot be written ({fault.strerror}), so git shows {name} as untracked"
    finally:
        os.close(inside)
    return ""


def _add_lines(descriptor: int, lines: list[bytes]) -> None:
    with open(descriptor, "r+b", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a plain file")
        text = file.read()
        new = [line for line in lines if line not in text.splitlines()]
        if new:
            file.write((b"" if not text or text.endswith(b"\n") else b"\n") + b"".join(line + b"\n" for line in new))
