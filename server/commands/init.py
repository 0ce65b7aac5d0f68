"""`referee init`: look at a project, ask or guess, and write a `program.md` that runs as it stands.

Guarantee: nothing of the project is executed and no git command of the person's is run; an existing `program.md` is
never overwritten; what is written was read back as valid before.
"""

import argparse
import difflib
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from ...sandbox import gpu
from ...session import program
from ...session.errors import ProgramError, RepositoryError
from ...session.places import PROGRAM
from ...session.project import Project
from .. import guesses
from ..program_text import Answers, program_text
from ..survey import Survey, survey
from .common import add_repo

Ask = Callable[[str, str], str]
_TIMEOUT = "10m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_repo(parser)
    parser.add_argument("--target", metavar="FILE", default="", help="the one file that the agent may edit")
    parser.add_argument("--command", metavar="WORDS", default="", help='what measures it, such as "python3 train.py"')
    parser.add_argument("--metric", metavar="NAME", default="", help="the number that the command prints")
    parser.add_argument("--goal", choices=("minimize", "maximize"), default="", help="which direction is better")
    parser.add_argument(
        "--timeout", metavar="TIME", default="", help=f"the longest a run may take (default: {_TIMEOUT})"
    )
    parser.add_argument("--yes", action="store_true", help="take the guesses without asking")
    parser.add_argument("--print", action="store_true", help="print the file instead of writing it")


def run(given: argparse.Namespace) -> int:
    """Write it."""
    flags = Answers(given.target, given.command, given.metric, given.goal, given.timeout)
    asking = not given.yes and sys.stdin.isatty() and sys.stdout.isatty()
    return init(given.repo, flags, ask=_ask if asking else None, only_print=given.print)


def init(folder: Path, flags: Answers, *, ask: Ask | None, only_print: bool) -> int:
    """Write (or print) `program.md` from flags, answers and guesses; an empty flag is one that was not given.

    Args:
        folder: The project.
        flags: What is known already.
        ask: Gets a question and the guess, and returns the answer; None to take guesses.
        only_print: Print the file and write nothing.

    Raises:
        RefereeError: If something is missing that nobody knows, or the file exists, or it would not be valid.
    """
    project = Project(folder)
    try:
        path = project.checkout.project / PROGRAM
        if os.path.lexists(path) and not only_print:
            raise ProgramError(f"{path}: exists already. Edit it, or move it away and run referee init again.")
        found = survey(project)
        answers = answered(found, flags, ask)
        with_gpu = bool(guesses.gpu_user(found)) and not gpu.missing(None)
        text = program_text(answers, found.caches, gpu=with_gpu)
        command = program.parse(text).contract.evaluate.command or ()
    finally:
        project.git.close()
    if only_print:
        print(text, end="")  # noqa: T201 - the command line speaks here
        return 0
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    _report(found, answers, command)
    return 0


def answered(found: Survey, flags: Answers, ask: Ask | None) -> Answers:
    """Every answer: given, asked for, or guessed.

    Raises:
        ProgramError: If one is not known; the text names its flag.
    """
    target = flags.target or _settled("target", guesses.target(found), ask)
    _refuse_missing(found, target)
    command = flags.command or _settled("command", guesses.command(found, target), ask)
    names = guesses.metrics(found, target, command.split())
    metric = flags.metric or _settled("metric", guesses.metric(names), ask, names)
    goal = flags.goal or _settled("goal", guesses.goal(metric), ask)
    timeout = flags.timeout or (ask("timeout", _TIMEOUT) if ask else "") or _TIMEOUT
    return Answers(target, command, metric, goal, timeout)


_WANTED = {
    "target": "which file may the agent edit? --target FILE",
    "command": 'what measures it? --command "python3 evaluate.py"',
    "metric": "which number counts? --metric NAME, as in a line 'NAME: 0.5' of the command's output",
    "goal": "is smaller or larger better? --goal minimize or --goal maximize",
}


def _settled(name: str, guess: str, ask: Ask | None, seen: list[str] | None = None) -> str:
    answer = ask(name, guess).strip() if ask else guess
    if not answer and not guess:
        printed = f" The sources print: {', '.join(seen[:12])}." if seen else ""
        raise ProgramError(f"init: cannot tell the {name} from the project: {_WANTED[name]}.{printed}")
    return answer or guess


def _refuse_missing(found: Survey, target: str) -> None:
    if target in found.tracked or (found.folder / target).is_file():
        return
    near = difflib.get_close_matches(target, found.tracked, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "Name a file relative to the project."
    raise RepositoryError(f"init: --target: no file {target!r} in {found.folder}. {hint}")


def _report(found: Survey, answers: Answers, command: tuple[str, ...]) -> None:
    lines = [
        f"wrote {PROGRAM}: {answers.target} -> {answers.metric} ({answers.goal}), measured by: {answers.command}",
        *(f"input {path}: read-only for trials" for path in found.caches),
    ]
    if command[:2] == ("uv", "run") and not found.environment:
        lines.append("first  uv sync   (a trial uses .venv and installs nothing)")
    lines += _gpu(found)
    lines += _missing_commit(found, answers.target, command)
    lines.append(f"next   referee check{_repo(found.folder)}")
    print("\n".join(lines))  # noqa: T201 - the command line speaks here


def _gpu(found: Survey) -> list[str]:
    """Why trials get the GPUs, or what keeps those that are here from being used."""
    library = guesses.gpu_user(found)
    if not library:
        return []
    if not (reason := gpu.missing(None)):
        return [f"gpu    all: {library} is imported, and there are {', '.join(gpu.nodes(None))}"]
    return [f"gpu    none, although {library} is imported: {reason}"] if gpu.present() else []


def _missing_commit(found: Survey, target: str, command: tuple[str, ...]) -> list[str]:
    """The git command that is still needed, because only what is committed is measured."""
    git = f"git -C {shlex.quote(str(found.folder))}" if _repo(found.folder) else "git"
    message = "-m 'Before the research'"
    if not found.committed:
        return [f"first  {git} add -A && {git} commit {message}   (there is no commit yet; Referee measures commits)"]
    needed = (target, *command[1:])
    missing = [name for name in needed if name not in found.tracked and (found.folder / name).is_file()]
    if not missing:
        return []
    names = " ".join(shlex.quote(name) for name in dict.fromkeys(missing))
    return [f"first  {git} add -- {names} && {git} commit {message} -- {names}   (not committed yet)"]


def _repo(folder: Path) -> str:
    return "" if folder == Path.cwd() else f" --repo {shlex.quote(str(folder))}"


def _ask(name: str, guess: str) -> str:
    try:
        return input(f"{name} [{guess}]: " if guess else f"{name}: ")
    except EOFError:
        return ""
