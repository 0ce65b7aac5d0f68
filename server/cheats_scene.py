"""What a cheat may know of the project it is written for: what an agent that read every file would know.

Files are told by what the commands name and by what those files import; nothing is executed to find out.
Edge: answers are told by their names alone, so a file of labels with an innocent name is not looked for.
"""

import ast
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from ..session.contract import Contract
from ..session.kinds import is_code
from ..session.opened import Opened
from ..session.places import PROGRAM
from ..session.project import Project
from ..session.repository import Base
from ..session.shapes import is_sequence, is_table

Language = Literal["python", "shell", "data", "other"]

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_MOST_SOURCES = 200
_MOST_INPUT_FILES = 5_000
_SURE = {
    "label",
    "labels",
    "answer",
    "answers",
    "truth",
    "gold",
    "expected",
    "solution",
    "solutions",
    "private",
    "secret",
}
_LIKELY = {"test", "holdout", "hidden"}
_INNOCENT = {"train", "training", "input", "inputs", "feature", "features", "image", "images", "question", "questions"}


@dataclass(frozen=True, slots=True)
class Scene:
    """One project as a cheat sees it; paths are absolute unless said otherwise.

    Attributes:
        text: The honest target.
        language: What the target is written in.
        project: The project's folder.
        forged: What to claim, by metric: it would win. Metrics that Referee measures itself are not among them.
        evaluators: Files that the commands name, besides the target.
        helpers: Files that those and the target import.
        modules: Names of modules outside the project that the evaluator imports.
        answers: Files whose name says that they hold what the target is to find out.
        hidden: Files and folders that the contract keeps from the target.
        artifacts: What passes to the score phase, relative to the project.
        disk: Bytes that a trial may leave.
        has_python: Whether a shell script finds a `python3`.
        token: A word that no evaluator prints by itself.
    """

    text: str
    language: Language
    project: str
    forged: Mapping[str, float]
    evaluators: tuple[str, ...]
    helpers: tuple[str, ...]
    modules: tuple[str, ...]
    answers: tuple[str, ...]
    hidden: tuple[str, ...]
    artifacts: tuple[str, ...]
    disk: int
    has_python: bool
    token: str


def scene_of(project: Project, opened: Opened, text: str, forged: Mapping[str, float]) -> Scene:
    """Look at a project the way a cheat would."""
    base, root = project.base(opened.base), project.checkout.root
    target = project.checkout.prefix + opened.target
    named = [path for path in _named(opened.contract, base, project.checkout.prefix) if path != target]
    found, modules = _imported(project, base, [*named, target])
    helpers = [path for path in found if path not in {*named, target}]
    return Scene(
        text=text,
        language=_language(opened, text),
        project=str(project.checkout.project),
        forged=forged,
        evaluators=tuple(str(root / path) for path in named),
        helpers=tuple(str(root / path) for path in helpers),
        modules=tuple(sorted(modules)),
        answers=tuple(_answers(project, opened, base, {target, *named, *helpers})),
        hidden=tuple(str(_place(project, path)) for path in _kept_back(opened.contract)),
        artifacts=opened.contract.evaluate.artifacts,
        disk=opened.contract.sandbox.disk,
        has_python=shutil.which("python3", path=_SYSTEM_PATH) is not None,
        token=secrets.token_hex(8),
    )


def _language(opened: Opened, text: str) -> Language:
    """By the contract, the ending, the first line, and at last by who runs it."""
    if opened.contract.target.kind == "data":
        return "data"
    first = text.partition("\n")[0] if text.startswith("#!") else ""
    runs = Path(opened.argv[0]).name if opened.target in opened.argv[1:] else ""
    ending = PurePosixPath(opened.target).suffix
    for said in (ending, first, runs):
        if re.search(r"\.py$|python|pypy", said):
            return "python"
        if re.search(r"(^\.|\b)(ba|da|z|k)?sh\b", said):
            return "shell"
    return "other"


def _named(contract: Contract, base: Base, prefix: str) -> list[str]:
    """The tracked files that the contract's evaluator names, in whatever form."""
    words = _texts(contract.evaluate.model_dump(mode="json"))
    paths = (os.path.normpath(prefix + part) for word in words for part in (word, word.partition(":")[0]))
    return [path for path in dict.fromkeys(paths) if path in base.by_path and base.by_path[path].type == "blob"]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_table(value):
        for one in value.values():
            yield from _texts(one)
    elif is_sequence(value):
        for one in value:
            yield from _texts(one)


def _imported(project: Project, base: Base, start: list[str]) -> tuple[list[str], set[str]]:
    """The tracked files that these import, directly or not, and the names of modules that are not tracked."""
    found, outside = dict.fromkeys(start), set[str]()
    waiting = list(start)
    while waiting and len(found) < _MOST_SOURCES:
        path = waiting.pop()
        for name in _imports(project, base, path):
            local = next((place for place in _places(name, path, project.checkout.prefix) if place in base.by_path), "")
            if not local:
                outside.add(name.partition(".")[0])
            elif local not in found:
                found[local] = None
                waiting.append(local)
    return list(found), outside


def _imports(project: Project, base: Base, path: str) -> Iterator[str]:
    if not path.endswith(".py"):
        return
    try:
        tree = ast.parse(project.git.read(base.by_path[path].oid))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _places(module: str, importer: str, prefix: str) -> Iterator[str]:
    tail = module.replace(".", "/")
    for folder in dict.fromkeys((str(PurePosixPath(importer).parent), prefix)):
        for name in (f"{tail}.py", f"{tail}/__init__.py"):
            yield os.path.normpath(os.path.join(folder, name))


def _answers(project: Project, opened: Opened, base: Base, known: set[str]) -> Iterator[str]:
    """Tracked files and files of declared inputs; the private ones too, because they must not be readable."""
    root, sandbox = project.checkout.root, opened.contract.sandbox
    kept_back = _kept_back(opened.contract)
    words = _SURE if kept_back else _SURE | _LIKELY
    for entry in base.files:
        if entry.path not in known and not entry.path.endswith(PROGRAM) and _tells(entry.path, words):
            yield str(root / entry.path)
    for declared in dict.fromkeys((*sandbox.inputs, *kept_back)):
        place = _place(project, declared)
        if str(place.relative_to(root) if place.is_relative_to(root) else place) not in base.by_path:
            yield from (str(path) for path in _plain(place) if _tells(str(path.relative_to(place.parent)), words))


def _kept_back(contract: Contract) -> tuple[str, ...]:
    return (*contract.sandbox.private, *(contract.holdout.private if contract.holdout else ()))


def _place(project: Project, declared: str) -> Path:
    return Path(os.path.normpath(project.checkout.project / Path(declared).expanduser()))


def _tells(path: str, words: Iterable[str]) -> bool:
    parts = set(re.split(r"[^a-z]+", path.lower()))
    return not is_code(path) and bool(parts & set(words)) and not parts & _INNOCENT


def _plain(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    count = 0
    for folder, _, names in os.walk(place):
        for name in names:
            count += 1
            if count > _MOST_INPUT_FILES:
                return
            yield Path(folder, name)
