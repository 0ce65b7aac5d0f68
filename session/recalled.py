"""What an agent reads of the trials so far: their rows, or what they come to.

Guarantee: bounded, whatever the number of trials and the length of their words; where not all rows fit, the oldest are
left out and that is said. Text and structure tell the same rows.
"""

import json
from itertools import islice

from .contract import Contract
from .feedback import told
from .memory import Most, lines, remember
from .reply import Reply
from .results import columns, row
from .state import Decision, State, Trial
from .view import MAX_CHARS, View

_NONE = "No rows yet."
_NEXT = "run_eval measures the baseline."


def rows(view: View, last: int, decision: str | None) -> Reply:
    """The rows so far: baseline and best first, then the last ones."""
    state, contract = view.maybe_state, view.contract
    if state is None or not state.row_count:
        return Reply(_NONE, next=_NEXT, facts={"rows": []})
    names = ["trial", *columns(contract), "verdict"]
    first, others = _chosen(view, state, last, decision)
    found = [[str(t.number), *_cells(contract, t), t.verdict] for t in [*first, *others]]
    fitting = _fitting([names, *found], len(first) + 1)
    left_out = len(found) + 1 - len(fitting)
    text = "\n".join("\t".join(line) for line in fitting)
    text += f"\n… {left_out} older rows do not fit: ask for fewer with last, or for view=summary" if left_out else ""
    facts = {"rows": [dict(zip(names, line, strict=True)) for line in fitting[1:]], "total": state.row_count}
    return Reply(text, facts=facts)


def summary(view: View) -> Reply:
    """What the trials come to: the kept ones, near misses, dead ends, the last ones, lessons."""
    state = view.maybe_state
    if state is None or not state.row_count:
        return Reply(_NONE, next=_NEXT)
    memory = remember(view.gathered(), view.contract, state.best_trial, Most())
    text = "\n".join(lines(memory, view.contract)) or "Nothing but the baseline was measured so far."
    return Reply(text, facts={"summary": memory, "total": state.row_count}, next="run_trial tries the next idea.")


def _chosen(view: View, state: State, last: int, decision: str | None) -> tuple[list[Trial], list[Trial]]:
    """Baseline and best, and the last rows with that decision."""
    numbers = dict.fromkeys(n for n in (0, state.best) if n is not None)
    first = [state.trials[n] for n in numbers if state.trials[n].row is not None]
    if decision is None:
        found = islice((trial for trial in state.trials.latest() if trial.row is not None), last)
    else:
        found = islice(reversed(view.gathered().rows[Decision(decision)]), last)
    return first, [trial for trial in found if trial.number not in numbers][::-1]


def _fitting(table: list[list[str]], first: int) -> list[list[str]]:
    """The table without as many of its older lines, after the first ones, as do not fit as text and structure."""
    names = table[0]
    room = MAX_CHARS - sum(_size(names, line) for line in table[:first])
    kept = 0
    for line in reversed(table[first:]):
        room -= _size(names, line)
        if room < 0:
            break
        kept += 1
    return [*table[:first], *table[len(table) - kept :]]


def _size(names: list[str], line: list[str]) -> int:
    """Characters of a line, and of the object that says the same."""
    return len("\t".join(line)) + len(json.dumps(dict(zip(names, line, strict=True)), ensure_ascii=False)) + 3


def _cells(contract: Contract, trial: Trial) -> list[str]:
    commit, *numbers, decision, text = row(contract, trial)
    return [commit, *(told(contract, cell) for cell in numbers), decision, text]
