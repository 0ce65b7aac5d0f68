"""Evaluators that are no plain command, recognised by reading: what `evaluate` gets for them in `program.md`.

A function of the target's path, a problem that the target solves, one call of the target whose answer is checked, and
the command with `--program_path` and `--results_dir`. Nothing is executed, and what is ambiguous is not recognised.
"""

import ast
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from .named_numbers import returned_names
from .printed_names import printed_names
from .python_source import Function, Parameter, called, functions, literal, parameters, parsed, texts
from .script_words import is_path

EVALUATORS = ("evaluate", "evaluator", "eval", "score", "benchmark", "bench", "verify", "judge", "grade", "check")
_LOADERS = frozenset({
    "Popen", "SourceFileLoader", "check_output", "exec", "exec_module", "import_module", "run", "run_path",
    "spec_from_file_location",
})  # fmt: skip
_READERS = frozenset({"load", "open", "read_bytes", "read_text", "safe_load"})
_DEPTH = 2
_CHECKS = ("evaluate", "check", "score", "verify", "judge")
_TESTS = re.compile(r"(test_.*|.*_test|conftest|setup|noxfile)\.py")


@dataclass(frozen=True, slots=True)
class Form:
    """A recognised evaluator.

    Attributes:
        kind: The key of `evaluate`.
        place: Its value: `FILE:NAME`, a file, or for a call the target's function.
        names: Metrics that it seems to report, in order.
        check: For a call, what judges the answer.
        args: For a call, the arguments that stand in the evaluator's file.
        missing: For a call, the arguments that are needed besides.
    """

    kind: Literal["function", "problem", "call", "results"]
    place: str
    names: tuple[str, ...] = ()
    check: str = ""
    args: Mapping[str, object] = field(default_factory=dict[str, object])
    missing: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The evaluator's file."""
        return (self.check or self.place).partition(":")[0]


def by_rank(names: Iterable[str]) -> list[str]:
    """Files by how much their names say that they evaluate, then by how near they are."""
    return sorted(names, key=lambda name: (*_rank(name), name))


def _rank(name: str) -> tuple[int, int]:
    stem = posixpath.splitext(posixpath.basename(name))[0]
    return (EVALUATORS.index(stem) if stem in EVALUATORS else len(EVALUATORS), name.count("/"))


def recognised(sources: Mapping[str, str], target: str) -> Form | None:
    """The evaluator among Python sources that needs no target to be told; None if there is none, or no single one."""
    near = (name for name in sources if name.count("/") <= _DEPTH and name != target and not _is_test(name))
    found = [form for name in by_rank(near) if (form := _form(name, parsed(sources[name])))]
    if len(found) > 1 and _rank(found[0].file) == _rank(found[1].file):
        return None
    return found[0] if found else None


def checked_call(sources: Mapping[str, str], target: str) -> Form | None:
    """The one call of a function of the target that fits the one check beside it; None if any of it is unclear."""
    if target not in sources or printed_names(sources[target]):
        return None
    found = [
        form
        for name, source in sources.items()
        if name != target and not _is_test(name) and not _imports(sources[target], name)
        for form in _calls(name, parsed(source), target, functions(parsed(sources[target])))
    ]
    return found[0] if len(found) == 1 else None


def named_function(sources: Mapping[str, str], place: str) -> Form:
    """The function that a person names, with the metrics that it seems to return."""
    file, _, name = place.partition(":")
    tree = parsed(sources.get(file, ""))
    return Form("function", place, tuple(returned_names(tree, name)) if name in functions(tree) else ())


def named_call(sources: Mapping[str, str], target: str, function: str, check: str) -> Form:
    """The call of a function of the target that a person names, with what is known of its arguments."""
    file, _, name = check.partition(":")
    judge, made = parsed(sources.get(file, "")), functions(parsed(sources.get(target, "")))
    plain = function.rpartition(":")[2]
    if name in functions(judge) and plain in made:
        found = _fitting(check, judge, target, made[plain])
        if found:
            return found
    return Form("call", function, ("score",), check)


def _form(name: str, tree: ast.Module) -> Form | None:
    known = functions(tree)
    if {"generate_problem", "is_solution"} <= known.keys():
        return Form("problem", name, ("seconds",))
    if "evaluate" in known and _takes_path(known["evaluate"], called(tree)):
        names = returned_names(tree, "evaluate")
        unsaid = ["combined_score"] if not names and "combined_score" in texts(tree) else []
        return Form("function", f"{name}:evaluate", tuple(names or unsaid))
    if {"--program_path", "--results_dir"} <= texts(tree):
        return Form("results", name, ("combined_score",))
    return None


def _takes_path(function: Function, calls: set[str]) -> bool:
    """Whether one path is all that a function needs, in a file that loads programs or reads files."""
    given = parameters(function)
    needed = [taken for taken in given if taken.required]
    if not given or len(needed) > 1 or not is_path(name := (needed or given)[0].name):
        return False
    return bool(calls & (_LOADERS | _READERS if _says_path(name) else _LOADERS))


def _says_path(name: str) -> bool:
    return bool({"file", "path"} & set(name.lower().split("_")))


def _calls(name: str, tree: ast.Module, target: str, made: Mapping[str, Function]) -> Iterator[Form]:
    """Every pair of a check in this file and a function of the target that fits it."""
    if called(tree) & _LOADERS or "__main__" in texts(tree) or "print" in called(tree):
        return
    for check in (check for check in _CHECKS if check in functions(tree)):
        for function in (node for node in made.values() if not node.name.startswith("_") and node.name != "main"):
            if form := _fitting(f"{name}:{check}", tree, target, function):
                yield form


def _fitting(check: str, tree: ast.Module, target: str, function: Function) -> Form | None:
    name = check.partition(":")[2]
    judge = functions(tree)[name]
    first, *rest = parameters(judge) or [Parameter("", required=False)]
    taken = parameters(function)
    both = [one.name for one in taken if judge.args.kwarg or one.name in {other.name for other in rest}]
    needed = list(dict.fromkeys(one.name for one in (*taken, *rest) if one.required))
    if not first.name or _says_path(first.name) or not set(needed) <= set(both):
        return None
    args = _literals(tree, both)
    missing = tuple(name for name in needed if name not in args)
    names = tuple(returned_names(tree, name)) or ("score",)
    return Form("call", f"{target}:{function.name}", names, check, args, missing)


def _literals(tree: ast.Module, names: list[str]) -> dict[str, object]:
    """Arguments that stand in a module: the one dictionary with just these keys, else constants of their names."""
    constants: dict[str, object] = {}
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                constants |= _value(name, value)
            case _:
                pass
    tables = [value for value in constants.values() if names and _has_keys(value, names)]
    if len(tables) == 1:
        return dict(cast("dict[str, object]", tables[0]))
    return {name: constants[name.upper()] for name in names if name.upper() in constants}


def _has_keys(value: object, names: list[str]) -> bool:
    return isinstance(value, dict) and set(cast("dict[object, object]", value)) == set(names)


def _value(name: str, node: ast.expr) -> dict[str, object]:
    """A constant that can be written down in `program.md` as it is."""
    try:
        value = literal(node)
        same = json.loads(json.dumps(value, allow_nan=False)) == value
    except (ValueError, TypeError, RecursionError):
        return {}
    return {name: value} if same else {}


def _imports(source: str, name: str) -> bool:
    stem = posixpath.basename(name).removesuffix(".py")
    words = (text for node in ast.walk(parsed(source)) for text in _imported(node))
    return any(stem in text.split(".") for text in words)


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names):
            return [module or "", *(alias.name for alias in names)]
        case _:
            return []


def _is_test(name: str) -> bool:
    return bool(_TESTS.fullmatch(posixpath.basename(name)))
