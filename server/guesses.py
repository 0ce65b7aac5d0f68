"""What `referee init` proposes for metrics where nobody said: from a survey, and an empty text without a good guess."""

import re
from collections.abc import Iterable, Sequence

from .guessed_files import leaves_reward, mentions, text_of
from .printed_names import dumped_names, printed_names, shell_names
from .survey import Survey

_LOWER = frozenset({
    "bpb", "bpc", "cer", "cost", "err", "error", "errors", "fid", "loss", "mae", "mse", "nll", "perplexity", "ppl",
    "regret", "rmse", "wer",
})  # fmt: skip
_LOWER_AMOUNTS = frozenset({
    "bytes", "comparisons", "evaluations", "latency", "memory", "ms", "operations", "runtime", "seconds", "secs",
    "steps", "time", "violations",
})  # fmt: skip
_HIGHER = frozenset({
    "acc", "accuracy", "auc", "bleu", "correct", "f1", "fitness", "ndcg", "passed", "precision", "r2", "recall",
    "return", "reward", "right", "score", "solved", "speedup", "throughput",
})  # fmt: skip
_OVERALL = ("combined_score", "reward")
_USES_GPUS = frozenset({"cupy", "jax", "lightning", "tensorflow", "torch", "triton"})
_JUDGED_ON = ("val", "valid", "validation", "test", "eval", "heldout")


def metrics(found: Survey, target: str, words: Sequence[str]) -> list[str]:
    """Names of metrics, the most likely first: those that the command's scripts report, else those of any source."""
    own = [name for script in (*words, target) for name in _reported(found, script)]
    every = own or [name for source in found.sources.values() for name in printed_names(source)]
    return ranked(dict.fromkeys(every))


def _reported(found: Survey, script: str) -> list[str]:
    """What a script prints or leaves, and for a shell script, what the Python scripts print that it names."""
    text = text_of(found, script)
    reward = ["reward"] if "reward.txt" in text else []
    if script in found.scripts:
        run = [source for name, source in found.sources.items() if mentions(text, name)]
        return [*reward, *shell_names(text), *(name for source in run for name in printed_names(source))]
    left = dumped_names(text) if leaves_reward(text) or "metrics.json" in text else []
    return [*reward, *(printed_names(text) or left)]


def ranked(names: Iterable[str]) -> list[str]:
    """Names by how likely they are the one that counts."""
    return sorted(names, key=_rank)


def metric(names: Sequence[str]) -> str:
    """The one that is meant: the only one, the only best one by its name, or the one from which the others derive."""
    if len(names) == 1 or (len(names) > 1 and _rank(names[0]) < _rank(names[1])):
        return names[0]
    shortest = min(names, key=len, default="")
    return shortest if all(name == shortest or name.startswith(f"{shortest}_") for name in names) else ""


def goal(name: str) -> str:
    """Which direction is better, by the words in the name."""
    words = set(_words(name))
    lower, higher = bool(words & (_LOWER | _LOWER_AMOUNTS)), bool(words & _HIGHER)
    if lower == higher:
        return ""
    return "minimize" if lower else "maximize"


def gpu_user(found: Survey) -> str:
    """A library that the sources import and that computes on a GPU, if there is one."""
    return next(iter(sorted(found.imports & _USES_GPUS)), "")


def _rank(name: str) -> tuple[bool, bool, bool]:
    words = set(_words(name))
    return name not in _OVERALL, not words & (_LOWER | _HIGHER), not words & set(_JUDGED_ON)


def _words(name: str) -> Iterable[str]:
    return re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
