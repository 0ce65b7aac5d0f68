"""What a new `program.md` says: from flags, from answers to questions with a guess, or from the guesses alone."""

import difflib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..session.errors import ProgramError, RepositoryError
from . import forms, guessed_files, guesses
from .forms import Form
from .program_text import Answers
from .python_source import functions, parsed
from .survey import Survey

Ask = Callable[[str, str], str]
"""Gets a question and the guess, and returns the answer."""

TIMEOUT = "10m"
_FUNCTION = re.compile(r"[^ :]+\.py:[A-Za-z_][A-Za-z0-9_]*")
_WANTED = {
    "target": "which file may the agent edit? --target FILE",
    "command": 'what measures it? --command "python3 evaluate.py", or --function evaluator.py:evaluate',
    "metric": "which number counts? --metric NAME, as in a printed line 'NAME: 0.5' or a returned dict",
    "goal": "is smaller or larger better? --goal minimize or --goal maximize",
}


def answered(found: Survey, flags: Answers, ask: Ask | None) -> Answers:
    """Every answer: given, asked for, or guessed.

    Args:
        found: The project.
        flags: What is known already; an empty one was not given.
        ask: None to take guesses.

    Raises:
        RefereeError: If one is not known (the text names its flag), or the target does not exist.
    """
    form = _without_target(found, flags)
    guess = "" if flags.target else guessed_files.target(found, form.file if form else "")
    target = flags.target or _settled("target", guess, ask)
    _refuse_missing(found, "target", target)
    form = form or _with_target(found, flags, target)
    answers = _measured(found, replace(flags, target=target), form, ask)
    words = (answers.score or answers.command or answers.function).split()
    names = _names(found, answers, form, words)
    metric = flags.metric or _settled("metric", guesses.metric(names), ask, names)
    goal = flags.goal or _settled("goal", guesses.goal(metric), ask)
    timeout = flags.timeout or (ask("timeout", TIMEOUT) if ask else "") or TIMEOUT
    path_given = ["{target}"] if answers.function else []
    data = flags.data or (not flags.score and guessed_files.is_data(found, target, [*words, *path_given]))
    return replace(answers, metric=metric, goal=goal, timeout=timeout, data=data)


def _names(found: Survey, answers: Answers, form: Form | None, words: Sequence[str]) -> list[str]:
    """Metrics of the evaluator that was chosen in the end."""
    if answers.function and form and answers.function != form.place:
        form = forms.named_function(found.sources, answers.function)
    kept = form is not None and (not answers.command or (form.kind == "results" and form.place in words))
    return guesses.ranked(form.names) if form and kept else guesses.metrics(found, answers.target, words)


def argument(text: str) -> dict[str, object]:
    """An argument of a call from `NAME=VALUE`: the value as JSON, else as the text that it is.

    Raises:
        ProgramError: If it is no such pair.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ProgramError(f"init: --arg: found {text!r}, expected NAME=VALUE such as n=7")
    return {name: _value(value)}


def _without_target(found: Survey, flags: Answers) -> Form | None:
    """The form that was chosen, or that is recognised whatever the target is."""
    for flag, place in (("function", flags.function), ("problem", flags.problem), ("check", flags.check)):
        _refuse_absent(found, flag, place)
    given = [name for name in ("command", "function", "problem", "call") if getattr(flags, name)]
    if len(given) > 1:
        raise ProgramError(f"init: --{given[0]} and --{given[1]} are two evaluators: give one of them")
    if flags.function:
        return forms.named_function(found.sources, flags.function)
    if flags.problem:
        return Form("problem", flags.problem, ("seconds",))
    if bool(flags.call) != bool(flags.check):
        raise ProgramError("init: --call FUNCTION and --check FILE:NAME go together: one makes what the other judges")
    if flags.command or flags.call or flags.score:
        return None
    return forms.recognised(found.sources, flags.target)


def _with_target(found: Survey, flags: Answers, target: str) -> Form | None:
    if flags.call:
        return forms.named_call(found.sources, target, flags.call, flags.check)
    return None if flags.command or flags.score else forms.checked_call(found.sources, target)


def _measured(found: Survey, answers: Answers, form: Form | None, ask: Ask | None) -> Answers:
    """The answers with the evaluator in one of its forms."""
    if answers.command or answers.function or answers.problem:
        return answers
    if form is None or form.kind == "results":
        script = form.place if form else ""
        return _answer(answers, _settled("command", guessed_files.command(found, answers, script), ask))
    shown = f"{form.place} {form.check}".strip()
    answer = (ask(form.kind, shown).strip() if ask and not answers.call else "") or shown
    if answer != shown:
        return _answer(answers, answer)
    match form.kind:
        case "function":
            return replace(answers, function=form.place)
        case "problem":
            return replace(answers, problem=form.place)
        case _:
            return replace(answers, call=form.place, check=form.check, args=_arguments(form, answers, ask))


def _answer(answers: Answers, text: str) -> Answers:
    """What a person, or a guess, says in place of a form: `FILE:NAME` is a function, all else a command."""
    if _FUNCTION.fullmatch(text):
        return replace(answers, function=text)
    return replace(answers, command=text)


def _arguments(form: Form, flags: Answers, ask: Ask | None) -> dict[str, object]:
    """What is called with: given, from the evaluator's file, or asked for."""
    args = {**form.args, **flags.args}
    for name in (name for name in form.missing if name not in args):
        answer = ask(f"argument {name}", "").strip() if ask else ""
        if not answer:
            raise ProgramError(
                f"init: {form.check} judges what {form.place} returns, but for which {name}? --arg {name}=VALUE"
            )
        args[name] = _value(answer)
    return args


def _value(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


def _settled(name: str, guess: str, ask: Ask | None, seen: list[str] | None = None) -> str:
    answer = ask(name, guess).strip() if ask else guess
    if not answer and not guess:
        named = f" The sources name: {', '.join(seen[:12])}." if seen else ""
        raise ProgramError(f"init: cannot tell the {name} from the project: {_WANTED[name]}.{named}")
    return answer or guess


def _refuse_absent(found: Survey, flag: str, place: str) -> None:
    """Refuse an evaluator, `FILE` or `FILE:NAME`, whose file or function is not there."""
    file, _, name = place.partition(":")
    if not file:
        return
    _refuse_missing(found, flag, file)
    known = list(functions(parsed(found.sources[file]))) if file in found.sources else []
    if name and known and name not in known:
        raise ProgramError(f"init: --{flag}: no function {name!r} in {file}, which has: {', '.join(known[:12])}")


def _refuse_missing(found: Survey, flag: str, file: str) -> None:
    if file in found.tracked or (found.folder / file).is_file():
        return
    near = difflib.get_close_matches(file, found.tracked, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "Name a file relative to the project."
    raise RepositoryError(f"init: --{flag}: no file {file!r} in {found.folder}. {hint}")
