"""`referee init`: look at a project, ask or guess, and write a `program.md` that runs as it stands.

With `--client` it adds the server to that client's files as well, and writes a `program.md` only if there is none.

Guarantee: nothing of the project is executed and no git command of the person's is run; an existing `program.md` is
never overwritten; what is written was read back as valid before.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

from ...sandbox import gpu
from ...session import program
from ...session.contract import Evaluate
from ...session.errors import ProgramError
from ...session.places import PROGRAM
from ...session.project import Project
from .. import guesses
from ..asking import TIMEOUT, Ask, answered, argument
from ..client_entries.change import Options, change
from ..client_entries.wanted import CLIENTS
from ..program_text import Answers, program_text
from ..survey import Survey, survey
from .common import add_repo

_FLAGS = (
    "target", "command", "metric", "goal", "timeout",
    "function", "problem", "call", "check", "score", "private", "data",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_repo(parser)
    parser.add_argument("--target", metavar="FILE", default="", help="the one file that the agent may edit")
    parser.add_argument("--command", metavar="WORDS", default="", help='what measures it, such as "python3 train.py"')
    _add_forms(parser)
    parser.add_argument("--metric", metavar="NAME", default="", help="the number that the evaluator reports")
    parser.add_argument("--goal", choices=("minimize", "maximize"), default="", help="which direction is better")
    parser.add_argument(
        "--timeout", metavar="TIME", default="", help=f"the longest a run may take (default: {TIMEOUT})"
    )
    parser.add_argument("--yes", action="store_true", help="take the guesses, and overwrite an entry, without asking")
    parser.add_argument("--print", action="store_true", help="print what would be written instead of writing it")
    _add_client(parser)


def _add_forms(parser: argparse.ArgumentParser) -> None:
    """Evaluators that are no command, a second phase, and a target that nothing executes."""
    parser.add_argument("--function", metavar="FILE:NAME", default="", help="a function of the target's path")
    parser.add_argument("--problem", metavar="FILE", default="", help="a file with generate_problem and is_solution")
    parser.add_argument("--call", metavar="NAME", default="", help="the target's function whose answer is checked")
    parser.add_argument("--check", metavar="FILE:NAME", default="", help="with --call: the function that judges it")
    parser.add_argument(
        "--arg", metavar="NAME=VALUE", action="append", default=[], help="with a call: what it is called with"
    )
    parser.add_argument(
        "--score", metavar="WORDS", default="", help="a second command, which judges what the first left"
    )
    parser.add_argument(
        "--artifact",
        metavar="PATH",
        action="append",
        default=[],
        help="with --score: what is left for it, such as out/",
    )
    parser.add_argument(
        "--private", metavar="PATH", action="append", default=[], help="what the target's code must not see"
    )
    parser.add_argument("--data", action="store_true", help="the target is read by the evaluator and never executed")


def _add_client(parser: argparse.ArgumentParser) -> None:
    """The entry in a client's files."""
    client_help = "add the server to the project's configuration of this client"
    parser.add_argument("--client", choices=CLIENTS, help=client_help)
    parser.add_argument("--remove", action="store_true", help="with --client: take away what was added")
    parser.add_argument("--portable", action="store_true", help="with --client: no path of this machine in the entry")
    parser.add_argument(
        "--into", metavar="FILE", default="", help="with --client generic: the file, else it is printed"
    )


def run(given: argparse.Namespace) -> int:
    """Write the program, or with `--client` the client's entry."""
    asking = not given.yes and sys.stdin.isatty() and sys.stdout.isatty()
    if given.client is None:
        if extra := next((name for name in ("remove", "portable", "into") if getattr(given, name)), ""):
            raise ProgramError(f"init: --{extra} goes with --client: {', '.join(CLIENTS)}")
        return _program(given, asking=asking)
    if not given.remove and not os.path.lexists(given.repo / PROGRAM):
        _program(given, asking=asking)
    options = Options(given.client, given.remove, given.print, given.portable, given.into, given.yes)
    return change(given.repo, options, _confirm if asking else None)


def _program(given: argparse.Namespace, *, asking: bool) -> int:
    flags = Answers(
        **{name: getattr(given, name) for name in _FLAGS},
        args={name: value for text in given.arg for name, value in argument(text).items()},
        artifacts=given.artifact,
    )
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
        evaluate = program.parse(text).contract.evaluate
    finally:
        project.git.close()
    if only_print:
        print(text, end="")  # noqa: T201 - the command line speaks here
        return 0
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    _report(found, answers, evaluate)
    return 0


def _report(found: Survey, answers: Answers, evaluate: Evaluate) -> None:
    command = evaluate.command or ()
    target = f"{answers.target} (data)" if answers.data else answers.target
    lines = [
        f"wrote {PROGRAM}: {target} -> {answers.metric} ({answers.goal}), measured by: {_words(answers, evaluate)}",
        *(f"input {path}: read-only for trials" for path in found.caches),
    ]
    if command[:2] == ("uv", "run") and not found.environment:
        lines.append("first  uv sync   (a trial uses .venv and installs nothing)")
    lines += _gpu(found)
    lines += _missing_commit(found, answers.target, evaluate)
    lines.append(f"next   referee check{_repo(found.folder)}")
    print("\n".join(lines))  # noqa: T201 - the command line speaks here


def _words(answers: Answers, evaluate: Evaluate) -> str:
    """The evaluator in one line, with what a call gets."""
    args = ", ".join(f"{name}={value!r}" for name, value in answers.args.items())
    return (answers.command or evaluate.words) + (f" with {args}" if args else "")


def _gpu(found: Survey) -> list[str]:
    """Why trials get the GPUs, or what keeps those that are here from being used."""
    library = guesses.gpu_user(found)
    if not library:
        return []
    if not (reason := gpu.missing(None)):
        return [f"gpu    all: {library} is imported, and there are {', '.join(gpu.nodes(None))}"]
    return [f"gpu    none, although {library} is imported: {reason}"] if gpu.present() else []


def _missing_commit(found: Survey, target: str, evaluate: Evaluate) -> list[str]:
    """The git command that is still needed, because only what is committed is measured."""
    git = f"git -C {shlex.quote(str(found.folder))}" if _repo(found.folder) else "git"
    message = "-m 'Before the research'"
    if not found.committed:
        return [f"first  {git} add -A && {git} commit {message}   (there is no commit yet; Referee measures commits)"]
    needed = (target, evaluate.file or "", *(evaluate.command or ())[1:], *(evaluate.score or ())[1:])
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


def _confirm(question: str) -> bool:
    try:
        return input(question).strip().lower() in {"y", "yes"}
    except EOFError:
        return False
