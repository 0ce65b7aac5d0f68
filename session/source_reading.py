"""Whether an evaluator reads the target's text, where a stand-in would show it another: such a check would be void.

Guarantee: a read of the path that the evaluate function is given is found in its file and in the project's modules
that it imports: by its name, through `Path` and its like, names and attributes assigned from it, and functions that it
is passed on to; also where a file of the target's name is opened. A text that is only executed is no check.
Edge: nothing is executed. A copy that is read, a program that is told to search the file, and what is reached
in other ways are not found.
"""

import ast
from collections.abc import Callable, Iterable

from .contract import Contract
from .errors import RepositoryError
from .exposure import imported
from .integrity import Integrity
from .path_flow import Flow, Place, called
from .places import PROGRAM
from .project import Project
from .repository import Base

_OPENS = frozenset({"open", "getline", "getlines", "getsize", "fopen"})
_METHODS = frozenset({"open", "read_text", "read_bytes"})
_SOURCES = frozenset({"getsource", "getsourcelines", "findsource"})
_RUNS = frozenset({"exec", "compile", "eval"})
_HANDED_ON = frozenset({"close", "decode", "read"})


def why_lower(project: Project, base: Base, contract: Contract) -> str:
    """Say why the evaluator may have no stand-in, although its form allows one; an empty text where it may.

    Raises:
        RepositoryError: If it may not, and without one the target's code would see what is kept from it, or the
            contract insists on more.
    """
    evaluate = contract.evaluate
    if contract.reported is not Integrity.PROXIED or evaluate.integrity == "proxied":
        return ""
    files = [entry.path for entry in base.entries if entry.type == "blob"]

    def text(path: str) -> str:
        return project.git.read(base.by_path[path].oid).decode("utf-8")

    found = why_void(contract, project.checkout.prefix, files, text)
    kept = [key for key, value in _kept_from_target(contract).items() if value]
    if found and kept:
        raise RepositoryError(
            f"evaluate.{evaluate.form}: {found}; and without one, {kept[0]} could not be held. Take the check out of "
            "the evaluator, or set evaluate.integrity: proxied if it may see the stand-in's text."
        )
    return found


def _kept_from_target(contract: Contract) -> dict[str, object]:
    return {
        "sandbox.private": contract.sandbox.private,
        "evaluate.secrets": contract.evaluate.secrets,
        "evaluate.integrity": contract.evaluate.integrity,
    }


def why_void(contract: Contract, prefix: str, tracked: Iterable[str], text: Callable[[str], str]) -> str:
    """Say where the evaluator reads the target's text; an empty text where it does not, or where it is no file.

    Args:
        contract: What the session is bound to.
        prefix: The project's place in the repository.
        tracked: Every tracked file, relative to the repository.
        text: Reads one of them; raises ValueError or RepositoryError where it is no text.
    """
    start = contract.evaluate.file
    if start is None:
        return ""
    files = frozenset(path.removeprefix(prefix) for path in tracked if path.startswith(prefix))
    own = imported(start, files - {contract.target.path, PROGRAM, start}, lambda name: text(prefix + name))
    trees = {name: tree for name in (start, *sorted(own)) if (tree := _parsed(name, lambda n: text(prefix + n)))}
    function = (contract.evaluate.function or "").partition(":")[2]
    flow = Flow(trees, start, function, contract.target.path)
    for place in flow.places:
        for call in flow.calls(place):
            if _reads(call, place, flow) and not _only_run(call, place, flow, set()):
                return f"{place.file} line {call.lineno} reads the target's text, and a stand-in would show it another"
    return ""


def _parsed(name: str, text: Callable[[str], str]) -> ast.Module | None:
    try:
        return ast.parse(text(name))
    except (SyntaxError, ValueError, RecursionError, RepositoryError):
        return None


def _reads(call: ast.Call, place: Place, flow: Flow) -> bool:
    name = called(call)
    if name in _SOURCES:
        return True
    if name in _OPENS and call.args and flow.is_path(call.args[0], place):
        return not _writes(call)
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    return name in _METHODS and receiver is not None and flow.is_path(receiver, place)


def _writes(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "mode")]
    return any(isinstance(mode, ast.Constant) and str(mode.value)[:1] in {"w", "a", "x"} for mode in modes)


def _only_run(node: ast.AST, place: Place, flow: Flow, seen: set[ast.AST]) -> bool:
    """Whether what an expression gives goes into `exec` or `compile` and nowhere else."""
    if node in seen:
        return True
    seen.add(node)
    match around := flow.parent(node):
        case ast.Expr() | ast.withitem(optional_vars=None):
            return True
        case ast.withitem(optional_vars=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return all(_only_run(use, place, flow, seen) for use in flow.uses(name, place))
        case ast.Attribute(attr=name):
            return name in _HANDED_ON and _only_run(flow.parent(around) or around, place, flow, seen)
        case _:
            call = flow.parent(around) if isinstance(around, ast.keyword) else around
            return _taken(node, call, flow, place, seen)


def _taken(node: ast.AST, call: ast.AST | None, flow: Flow, place: Place, seen: set[ast.AST]) -> bool:
    """Whether a call that gets a text executes it, itself or in the project's function that it goes to."""
    if not isinstance(call, ast.Call):
        return False
    if called(call) in _RUNS:
        return True
    if called(call) == "parse":
        return _only_run(call, place, flow, seen)
    goes = [(function, name) for arg, function, name in flow.handed(call) if arg is node]
    return bool(goes) and all(
        _only_run(use, function, flow, seen) for function, name in goes for use in flow.uses(name, function)
    )
