"""What `referee init` proposes where nobody said: from a survey, and an empty text where there is no good guess."""

import re
from collections.abc import Iterable, Sequence

from .printed_names import printed_names
from .survey import Survey

_EVALUATORS = ("evaluate.py", "evaluator.py", "eval.py", "score.py", "benchmark.py", "bench.py")
_TEXTS = (
    ".c",
    ".cfg",
    ".cpp",
    ".go",
    ".ini",
    ".js",
    ".json",
    ".md",
    ".py",
    ".rs",
    ".sql",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
)
_ASIDE = re.compile(
    r"(README|LICENSE|CHANGELOG|CLAUDE|AGENTS|CONTRIBUTING|program)\b|test_|requirements|pyproject|package"
    r"|(conftest|setup|prepare|noxfile|__init__)\.py",
    re.IGNORECASE,
)
_LOWER = frozenset({
    "bpb", "bpc", "cer", "cost", "err", "error", "errors", "fid", "loss", "mae", "mse", "nll", "perplexity", "ppl",
    "regret", "rmse", "wer",
})  # fmt: skip
_LOWER_AMOUNTS = frozenset({"latency", "ms", "runtime", "seconds", "secs", "time"})
_HIGHER = frozenset({
    "acc", "accuracy", "auc", "bleu", "f1", "fitness", "ndcg", "precision", "r2", "recall", "return", "reward", "score",
    "speedup", "throughput",
})  # fmt: skip
_USES_GPUS = frozenset({"cupy", "jax", "lightning", "tensorflow", "torch", "triton"})
_JUDGED_ON = ("val", "valid", "validation", "test", "eval", "heldout")


def target(found: Survey) -> str:
    """The file to improve: `train.py`; else the only one beside an evaluator; else the only one that reports."""
    if "train.py" in found.tracked:
        return "train.py"
    near = [name for name in found.tracked if "/" not in name and name.endswith(_TEXTS) and not _ASIDE.match(name)]
    judged = [name for name in near if name not in _EVALUATORS]
    if len(judged) == len(near):  # nothing evaluates, so a script that reports its own number is looked for
        judged = [name for name in near if printed_names(found.sources.get(name, ""))]
    return judged[0] if len(judged) == 1 else ""


def command(found: Survey, target: str) -> str:
    """How it is measured: by the evaluator if there is one, else by running the target itself."""
    script = next((name for name in _EVALUATORS if name in found.tracked and name != target), target)
    if target == "train.py" and target in found.sources and printed_names(found.sources[target]):
        script = target
    if not re.fullmatch(r"[A-Za-z0-9_./-]+\.py", script):
        return ""
    if found.environment:
        return f"{found.environment}/bin/python {script}"
    return f"uv run {script}" if found.uv else f"python3 {script}"


def metrics(found: Survey, target: str, words: Sequence[str]) -> list[str]:
    """Names of metrics, the most likely first: those that the command's own script prints, else those of any source."""
    named = [name for name in (*words, target) if name in found.sources]
    for sources in ([found.sources[name] for name in named], found.sources.values()):
        if names := list(dict.fromkeys(name for source in sources for name in printed_names(source))):
            return sorted(names, key=_rank)
    return []


def metric(names: Sequence[str]) -> str:
    """The one that is meant: the only one, or the only best one by its name."""
    if len(names) == 1 or (len(names) > 1 and _rank(names[0]) < _rank(names[1])):
        return names[0]
    return ""


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


def _rank(name: str) -> tuple[bool, bool]:
    words = set(_words(name))
    return not words & (_LOWER | _HIGHER), not words & set(_JUDGED_ON)


def _words(name: str) -> Iterable[str]:
    return re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
