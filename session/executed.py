"""Whether the words of a command could execute what the target's side wrote: a target of data, or an artifact.

Guarantee: such a file may be named only behind a frozen file of the project that is there to read it: a script, a
module that `-m` finds, or the program itself. Before one, whatever the program is, the command is refused.
Edge: the words are all that is read. A frozen script that executes what it is given is not found out here.
"""

import os
import posixpath
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .contract import Contract
from .errors import RepositoryError
from .repository import Base
from .shorthand import holds

_TOKEN = re.compile(r"[^\w./~+@%-]+")
_INLINE = re.compile(r"-[A-Za-z]*[ce]|--(eval|exec|command)")
_REGULAR = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Committed:
    """The project as it is at the base commit.

    Attributes:
        project: Its folder.
        files: Tracked regular files other than the target, relative to it.
    """

    project: Path
    files: Container[str]


def committed_of(base: Base, project: Path, prefix: str, target: str) -> Committed:
    """Return what may execute things: links are left out, because they may lead to the target."""
    names = {e.path.removeprefix(prefix) for e in base.entries if e.mode in _REGULAR and e.path.startswith(prefix)}
    return Committed(project, names - {target})


def refuse_executed(contract: Contract, key: str, argv: tuple[str, ...], committed: Committed) -> None:
    """Make sure that a command executes neither a target that is called data nor an artifact.

    Args:
        contract: Of the session.
        key: The command's key: `evaluate.command`, `evaluate.score` or `holdout.command`.
        argv: Its resolved words.
        committed: The project at the base commit.

    Raises:
        RepositoryError: If a word names one before any frozen file.
    """
    target = contract.target.path
    judges = key != "evaluate.command" and contract.evaluate.score is not None
    if judges and (found := _before(argv, (*contract.evaluate.artifacts, target), target, committed)):
        raise RepositoryError(
            f"{key}: {found!r} names what the first phase leaves, and no frozen file stands before it, so it may be "
            "executed. Let a committed file read it, as in `python3 score.py out/predictions.csv`."
        )
    if contract.target.kind == "data" and (found := _before(argv, (target,), target, committed)):
        raise RepositoryError(
            f"target.kind: {key} names {target} in {found!r} before any frozen file that would read it, so it may be "
            f"executed. Let a committed file read it, as in `python3 evaluate.py {target}`, or remove kind: data."
        )


def _before(argv: tuple[str, ...], suspects: Sequence[str], target: str, committed: Committed) -> str:
    """The word that names a suspect before any word names a frozen file; an empty text where none does."""
    inline = False
    for index, word in enumerate(argv):
        names = list(_names(word.replace("{target}", target), committed.project))
        if any(_reaches(name, suspect) for name in names for suspect in suspects):
            return word
        if _is_frozen(word, committed, module=argv[index - 1 : index] == ("-m",)):
            if not inline:
                return ""
        elif _attached(word, suspects):
            return word
        else:
            inline = inline or _is_inline(argv, index, committed)
    return ""


def _is_inline(argv: tuple[str, ...], index: int, committed: Committed) -> bool:
    """Whether code follows in the words themselves, and frozen files behind it are what it is given."""
    following = argv[index + 1 : index + 2]
    return bool(_INLINE.fullmatch(argv[index])) and not any(
        _is_frozen(word, committed, module=False) for word in following
    )


def _is_frozen(word: str, committed: Committed, *, module: bool) -> bool:
    if word.startswith("-m") and word != "-m":
        word, module = word[2:], True
    if module:
        path = word.replace(".", "/")
        return any(name in committed.files for name in (f"{path}.py", f"{path}/__main__.py"))
    path = _relative(word, committed.project)
    return path in committed.files or f"{path}/__main__.py" in committed.files


def _reaches(name: str, suspect: str) -> bool:
    """Whether a path is a suspect, lies in it, or is a folder with it; the project's own folder tells nothing."""
    return holds(suspect, name) or (name != "." and holds(name, suspect))


def _attached(word: str, suspects: Sequence[str]) -> bool:
    """Whether a file's name is part of a word of code, from whatever folder."""
    files = [posixpath.basename(suspect) for suspect in suspects if posixpath.splitext(suspect)[1]]
    return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|\.\w)", word) for name in files)


def _names(word: str, project: Path) -> Iterator[str]:
    """Yield every path that a word could mean, relative to the project: whole, in parts, after an option, by links."""
    for token in (word, *_TOKEN.split(word)):
        for text in (token, re.sub(r"^-\w", "", token)):
            if text:
                path = _relative(text, project)
                yield path
                yield _relative(os.path.realpath(project / path), Path(os.path.realpath(project)))


def _relative(word: str, project: Path) -> str:
    path = os.path.normpath(project / word)
    return os.path.relpath(path, project) if Path(path).is_relative_to(project) else path
