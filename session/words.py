"""The contract in words, for an agent that sees the project for the first time or after its context was lost."""

from collections.abc import Iterator

from ..sandbox.spec import Level
from .contract import Contract, Evaluate, Metric
from .errors import ProgramError
from .integrity import PROMISES, Integrity
from .numbers import show
from .results import number
from .view import MAX_CHARS, View

_LESSONS = 20
_RULES = {
    "primary": "the first metric decides",
    "pareto": "no metric may get worse and one must get better",
    "weighted": "the weighted sum of relative gains decides",
}


def describe(view: View) -> str:
    """Policy, contract, budget, baseline, best and lessons; bounded."""
    contract = view.contract
    state = view.maybe_state
    level = Integrity(state.opened.integrity) if state else contract.integrity
    parts = [_contract(contract, level), _standing(view), _lessons(view), _policy(view)]
    return "\n\n".join(part for part in parts if part)[:MAX_CHARS]


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
    return "\n".join(lines)


def _lessons(view: View) -> str:
    state = view.maybe_state
    known = [t for t in state.trials.values() if t.lesson] if state else []
    if not known:
        return ""
    return "Lessons so far:\n" + "\n".join(f"- trial {t.number}: {t.lesson}" for t in known[-_LESSONS:])


def _policy(view: View) -> str:
    try:
        policy = view.project.program().policy.strip()
    except ProgramError as fault:
        return f"(program.md cannot be read at the moment: {fault})"
    return f"Policy (program.md):\n{policy}" if policy else ""
