"""The contract in words, for an agent that sees the project for the first time or after its context was lost."""

from collections.abc import Iterator, Sequence

from ..sandbox.spec import Level
from . import costs
from .contract import Contract, Evaluate, Metric
from .ending import conditions
from .errors import ProgramError
from .integrity import PROMISES, Integrity
from .memory import FEW, lesson_line, lines, remember
from .numbers import show
from .person import KEPT
from .results import number
from .view import MAX_CHARS, View

_CONTRACT_CHARS = 5_000
_STANDING_CHARS = 2_000
_PERSON_CHARS = 4_000
_MEMORY_CHARS = 5_500
_LESSONS_CHARS = 4_000
_MARGIN = 100  # for what is said of a cut
_RULES = {
    "primary": "the first metric decides",
    "pareto": "no metric may get worse and one must get better",
    "weighted": "the weighted sum of relative gains decides",
}


def describe(view: View) -> str:
    """Policy, contract, budget, what the person said, what the trials come to; each bounded by itself.

    The policy comes last and gets all the room that the others leave, so that none of them can push it out.
    """
    contract = view.contract
    state = view.maybe_state
    level = Integrity(state.opened.integrity) if state else contract.integrity
    parts = [
        _cut(_contract(contract, level), _CONTRACT_CHARS),
        _cut(_standing(view), _STANDING_CHARS),
        _latest("The person said, the latest last:", state.said.lines[-KEPT:] if state else (), _PERSON_CHARS),
        *_trials(view),
    ]
    before = "\n\n".join(part for part in parts if part)
    policy = _cut(_policy(view), MAX_CHARS - len(before) - _MARGIN)
    return f"{before}\n\n{policy}" if policy else before


def _cut(text: str, most: int) -> str:
    """Whole lines of the text, as many as fit, and how much is missing."""
    if len(text) <= most:
        return text
    kept = text[:most].rpartition("\n")[0] or text[:most]
    return f"{kept}\n… {len(text) - len(kept)} more characters"


def _latest(title: str, texts: Sequence[str], room: int) -> str:
    """As many of the texts as fit, the latest first to be chosen and last to be shown."""
    found: list[str] = []
    for text in reversed(texts):
        if room <= 0:
            break
        found.append(f"- {text}" if len(text) <= room else f"- {text[:room]}…")
        room -= len(text)
    return "\n".join([title, *reversed(found)]) if found else ""


def _trials(view: View) -> tuple[str, str]:
    """What the trials come to, in few lines, and the lessons; nothing before there are any."""
    state = view.maybe_state
    memory = remember(view.gathered(), view.contract, state.best_trial, FEW) if state else {}
    lessons = [lesson_line(lesson) for lesson in memory.pop("lessons", ())]
    told = lines(memory, view.contract)
    more = "read_results(view=summary) tells more." if told else ""
    return (
        _cut("\n".join([*told, more]) if told else "", _MEMORY_CHARS),
        _latest("Lessons so far:", lessons, _LESSONS_CHARS),
    )


def _contract(contract: Contract, level: Integrity) -> str:
    evaluate = contract.evaluate
    repeats = f", {evaluate.repeats} runs, the median counts" if evaluate.repeats > 1 else ""
    lines = [
        f"You may edit one file: {contract.target.path}. Everything else is frozen.",
        f"Measured by: {evaluate.words} (at most {show(evaluate.timeout)} s{repeats}).",
        *_score(evaluate),
        *(f"Metric {name}: {_metric(metric)}." for name, metric in contract.metrics.items()),
        f"Kept if: {_RULES[contract.keep.rule]}{_simplicity(contract)}.",
        f"Integrity: {level}: {PROMISES[level]}.",
        f"Sandbox: at least {contract.sandbox.minimum}; network {'on' if contract.sandbox.network else 'off'}."
        + (" Nothing is confined." if contract.sandbox.minimum is Level.NONE else ""),
    ]
    return "\n".join(lines)


def _score(evaluate: Evaluate) -> Iterator[str]:
    if evaluate.score:
        yield (
            f"Scored then, without the target, from {', '.join(evaluate.artifacts)} alone, by: "
            f"{' '.join(evaluate.score)} (at most {show(evaluate.timeout)} s)."
        )


def _simplicity(contract: Contract) -> str:
    return "; equal with fewer lines may be kept" if contract.keep.simplicity else ""


def _metric(metric: Metric) -> str:
    parts: list[str] = [metric.goal]
    if metric.min_delta:
        parts.append(f"a gain counts from {show(metric.min_delta)}")
    if metric.bounds:
        parts.append(f"believed from {show(metric.bounds[0])} to {show(metric.bounds[1])}")
    limits = {"min": metric.min, "max": metric.max, "min_ratio": metric.min_ratio, "max_ratio": metric.max_ratio}
    parts += [f"guard {name} {show(value)}" for name, value in limits.items() if value is not None]
    return ", ".join(parts)


def _standing(view: View) -> str:
    facts = view.standing()
    left = facts["budget"]
    lines = [
        f"{what}: trial {found['trial']} "
        + ", ".join(f"{name} {number(value)}" for name, value in found["metrics"].items())
        for what in ("baseline", "best")
        if (found := facts.get(what))
    ]
    amounts = {
        "experiments": left["experiments_left"],
        "seconds": left["seconds_left"],
        "dollars": left["cost_usd_left"],
    }
    lines.append("budget left: " + (", ".join(f"{n} {v}" for n, v in amounts.items() if v is not None) or "no limit"))
    lines += [f"dollars spent: {costs.named(paid)}" for paid in (left.get("cost_usd_by_source"),) if paid]
    lines += [f"the session ends as well when {said}" for said in conditions(view.budget, view.contract)]
    lines += [f"{name}: {left[name]}" for name in ("costs_accounted_by", "warning", "nudge") if name in left]
    return "\n".join(lines)


def _policy(view: View) -> str:
    try:
        policy = view.project.program().policy.strip()
    except ProgramError as fault:
        return f"(program.md cannot be read at the moment: {fault})"
    return f"Policy (program.md):\n{policy}" if policy else ""
