"""Which file of a project is the target, and which command measures it: what `referee init` proposes, by reading."""

import posixpath
import re
from collections.abc import Iterable, Sequence

from ..session.kinds import why_no_data
from .forms import EVALUATORS, by_rank
from .printed_names import printed_names
from .program_text import Answers
from .python_source import called, parsed
from .script_words import python_words, shell_words
from .survey import Survey

_SHELLS = (".sh", ".bash")
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
    ".sed",
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
_NAMES = frozenset({"bench", "benchmark", "eval", "evaluate", "evaluator", "score"})
_PLACES = frozenset({"", "bench", "benchmark", "benchmarks", "eval", "evaluation", "evaluator", "tests", "verifier"})
_STARTS = ("initial_program", "initial", "solution")
_DATA = (".cfg", ".csv", ".ini", ".j2", ".json", ".md", ".prompt", ".sql", ".toml", ".tsv", ".txt", ".yaml", ".yml")
_READS = frozenset({"load", "open", "read_bytes", "read_text", "safe_load"})
_EXECUTES = frozenset({"eval", "exec", "from_string", "popen", "render", "system"})
_RUNNERS = re.compile(
    r"(?:import|from) +(?:\w+, *)*(?:importlib|jinja2|multiprocessing|pickle|runpy|subprocess)\b"
    r"|yaml\.(?:full_|unsafe_)?load\b"
)


def target(found: Survey, evaluator: str) -> str:
    """The file to improve.

    The one that is marked; `train.py`; `initial.py` and its like beside the evaluator; the only one that is left there;
    else the only one that reports.
    """
    marked = [name for name in found.marked if name != evaluator and not _ASIDE.match(posixpath.basename(name))]
    marked = [name for name in marked if not name.endswith((".md", ".txt"))]
    if len(marked) == 1:
        return marked[0]
    folder = posixpath.dirname(evaluator)
    for name in ("train.py", posixpath.join(folder, "train.py")):
        if name in found.tracked and (not evaluator or not _started(found, folder)):
            return name
    guesses = [
        _started(found, folder),
        _started(found, ""),
        _left(found, evaluator, ""),
        _left(found, evaluator, folder),
    ]
    return next(filter(None, guesses), "")


def _started(found: Survey, folder: str) -> str:
    """The file whose name says that work begins there."""
    for stem in _STARTS:
        names = [name for name in _inside(found, folder) if posixpath.splitext(posixpath.basename(name))[0] == stem]
        if len(names) == 1:
            return names[0]
    return ""


def _left(found: Survey, evaluator: str, folder: str) -> str:
    """The only file of a folder that is neither aside nor evaluates, nor is read by what gets the target as a word."""
    near = [name for name in _inside(found, folder) if name.endswith((*_TEXTS, *_SHELLS))]
    near = [name for name in near if not _ASIDE.match(posixpath.basename(name))]
    judged = [name for name in near if name != evaluator and not _evaluates(found, name)]
    script = evaluator or next(iter(_scripts(found, "")), "")
    judged = [name for name in judged if name != script and not name.endswith(_SHELLS)]
    if not script:  # nothing evaluates, so a script that reports its own number is looked for
        judged = [name for name in judged if printed_names(found.sources.get(name, ""))]
    elif len(judged) > 1 and (evaluator or _takes_target(found, script)):
        judged = [name for name in judged if not mentions(text_of(found, script), name)] or judged
    return judged[0] if len(judged) == 1 else ""


def _inside(found: Survey, folder: str) -> list[str]:
    return [name for name in found.tracked if posixpath.dirname(name) == folder]


def text_of(found: Survey, name: str) -> str:
    """The text of a script; empty if it was not read."""
    return found.sources.get(name, "") or found.scripts.get(name, "")


def mentions(text: str, name: str) -> bool:
    """Whether a source names a file, or imports it."""
    base = posixpath.basename(name)
    words = [re.escape(base)]
    if base.endswith(".py"):
        words.append(rf"(?:import|from) +{re.escape(base[:-3])}\b")
        words.append(rf"""["']{re.escape(base[:-3])}["']""")
    return bool(re.search("|".join(words), text))


def _evaluates(found: Survey, name: str) -> bool:
    """Whether a script is there to evaluate: by its name, if need be together with what it says."""
    stem, ending = posixpath.splitext(posixpath.basename(name))
    text = text_of(found, name)
    if leaves_reward(text):
        return True
    if posixpath.dirname(name) not in _PLACES:
        return False
    if name in found.scripts:
        return stem in EVALUATORS or "METRIC " in text
    return ending == ".py" and (stem in _NAMES or (stem in EVALUATORS and bool(printed_names(text))))


def _scripts(found: Survey, target: str) -> list[str]:
    """Scripts that evaluate by their names, or leave a reward: shell scripts first, because they run the others."""
    every = [name for name in (*found.scripts, *found.sources) if name != target]
    names = by_rank(name for name in every if _evaluates(found, name))
    return sorted(names, key=lambda name: not name.endswith(_SHELLS))


def leaves_reward(text: str) -> bool:
    """Whether a script writes one of the files that hold a reward."""
    return "reward.json" in text or "reward.txt" in text


def _takes_target(found: Survey, script: str) -> bool:
    return "{target}" in (_arguments(found, script) or [])


def _arguments(found: Survey, script: str) -> list[str] | None:
    if script in found.scripts:
        return shell_words(found.scripts[script])
    return python_words(found.sources.get(script, ""))


def command(found: Survey, answers: Answers, evaluator: str = "") -> str:
    """How it is measured: by the evaluator if there is one, else, and before a score, by running the target itself."""
    target = answers.target
    script = evaluator or next(iter(_scripts(found, target)), target)
    if answers.score or (target == "train.py" and not evaluator and printed_names(text_of(found, target))):
        script = target
    return script_command(found, script, [] if script == target else _arguments(found, script))


def script_command(found: Survey, script: str, words: Sequence[str] | None) -> str:
    """A script of the project and the words after it, run as the project runs such; empty if it cannot be told."""
    if words is None or not re.fullmatch(r"[A-Za-z0-9_./-]+\.(py|sh|bash)", script):
        return ""
    after = " ".join((script, *words))
    if script in found.scripts:
        first = found.scripts[script].partition("\n")[0]
        return f"{'bash' if 'bash' in first or script.endswith('.bash') else 'sh'} {after}"
    if found.environment:
        return f"{found.environment}/bin/python {after}"
    return f"uv run {after}" if found.uv else f"python3 {after}"


def is_data(found: Survey, target: str, evaluator: Iterable[str]) -> bool:
    """Whether a target is read by a Python evaluator, among these words or files, and nothing there may execute it.

    Edge: a guess that is too low costs a level of integrity, one too high would promise what does not hold; so an
    evaluator that could execute anything at all, by itself or by what it imports, has no target of data.
    """
    if why_no_data(target) or not target.endswith(_DATA):
        return False
    words = [word.partition(":")[0] for word in evaluator]
    read = [found.sources[word] for word in words if word in found.sources]
    named = "{target}" in words or any(mentions(source, target) for source in read)
    reads = any(called(parsed(source)) & _READS for source in read)
    helpers = [text for name, text in found.sources.items() if any(mentions(source, name) for source in read)]
    return named and reads and not any(map(_may_execute, (*read, *helpers)))


def _may_execute(source: str) -> bool:
    return bool(called(parsed(source)) & _EXECUTES or _RUNNERS.search(source))
