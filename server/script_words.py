"""The arguments that an evaluator's script takes, read from its source: `{target}` and `{results}` in their places.

Edge: what an argument is for is told from its name. Where one that is needed is not understood, nothing is proposed.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from .python_source import functions, parameters, parsed

TARGET, RESULTS = "{target}", "{results}"
_LEFT_BEHIND = frozenset({"log", "logdir", "logs", "out", "outdir", "output", "outputs", "result", "results"})
_CANDIDATE = frozenset({"candidate", "program", "solution", "submission", "target"})
_FILE = frozenset({"artifact", "code", "file", "path", "plan", "prompt", "script", "source"})
_FOLDER = frozenset({"dir", "directory", "folder"})
_USAGE = re.compile(r"usage:\s*(?:\S*\.sh|\$0)\s+([^;\n\"']*)", re.IGNORECASE)


def is_path(name: str) -> bool:
    """Whether an argument of this name is a file to be judged, and no folder for what is left behind."""
    return role(name) == TARGET


def role(name: str) -> str:
    """What an argument of this name stands for; empty if the name does not say it."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    if words & _CANDIDATE:
        return TARGET
    if words & (_LEFT_BEHIND | _FOLDER):
        return RESULTS
    return TARGET if words & _FILE else ""


def python_words(source: str) -> list[str] | None:
    """The words after a Python script's name; None if one is needed that is not understood."""
    tree = parsed(source)
    flags = [node for node in ast.walk(tree) if _calls(node, "add_argument")]
    if flags:
        return _joined(_flag(node) for node in flags if isinstance(node, ast.Call))
    return _joined(_positional(index, name) for index, name in enumerate(_places(tree)))


def shell_words(source: str) -> list[str] | None:
    """The words after a shell script's name; None if one is needed that is not understood."""
    code = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("#"))
    numbers = [int(number) for number in re.findall(r"\$\{?([1-9])\b", code)]
    usage = _USAGE.search(source)
    told = usage[1].split() if usage else []
    return _joined(_shell(code, number, told) for number in range(1, max(numbers, default=0) + 1))


def _joined(parts: Iterator[list[str] | None]) -> list[str] | None:
    words: list[str] = []
    for part in parts:
        if part is None:
            return None
        words += part
    return words


def _flag(call: ast.Call) -> list[str] | None:
    names = [node.value for node in call.args if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if not names:
        return None
    name = max(names, key=len)
    meant = role(name)
    if not name.startswith("-"):
        optional = isinstance(count := given.get("nargs"), ast.Constant) and count.value in {"?", "*"}
        return [meant] if meant else [] if optional else None
    needed = isinstance(required := given.get("required"), ast.Constant) and required.value is True
    words = set(re.split(r"[^a-z]+", name.lower()))
    wanted = words & (_CANDIDATE if meant == TARGET else _FOLDER | {"results"})
    if meant and (needed or wanted) and "action" not in given:
        return [name, meant]
    return None if needed else []


def _places(tree: ast.Module) -> list[str]:
    """The names under which a module uses the words after its own name, one for each; empty where it has none."""
    found: dict[int, str] = {}
    known = functions(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=int(index))) if _is_argv(value) and index > 0:
                found.setdefault(index, "")
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found |= dict.fromkeys(_indices(value), name)
            case ast.Call(func=ast.Name(id=name), args=args) if name in known:
                found |= _passed(args, [taken.name for taken in parameters(known[name]) if taken.required])
            case _:
                pass
    return [found.get(index, "") for index in range(1, max(found, default=0) + 1)]


def _passed(args: Sequence[ast.expr], names: Sequence[str]) -> dict[int, str]:
    """Words that a call passes on, by the names of the function's parameters."""
    if len(args) == 1 and isinstance(args[0], ast.Starred) and _is_argv(args[0].value):
        return dict(enumerate(names, 1))
    return {index: name for name, node in zip(names, args, strict=False) for index in _indices(node)}


def _indices(node: ast.AST) -> list[int]:
    """Which words an expression takes, at its own level or within a call such as `Path(sys.argv[1])`."""
    found: list[int] = []
    for part in ast.walk(node):
        match part:
            case ast.Subscript(value=value, slice=ast.Constant(value=int(index))) if _is_argv(value) and index > 0:
                found.append(index)
            case _:
                pass
    return found if len(found) == 1 else []


def _is_argv(node: ast.expr) -> bool:
    match node:
        case ast.Subscript(value=value, slice=ast.Slice()):
            return _is_argv(value)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name == "argv"
        case _:
            return False


def _positional(index: int, name: str) -> list[str] | None:
    """A word by its place: the first one is the target unless its name says otherwise."""
    meant = role(name) or (TARGET if index == 0 else "")
    return [meant] if meant else None


def _shell(code: str, number: int, told: Sequence[str]) -> list[str] | None:
    """What a shell script calls a word: in its line of usage, in a variable, or by what it does with it."""
    name = told[number - 1] if len(told) >= number else ""
    variable = re.search(rf"^\s*(\w+)=[\"']?\$\{{?{number}\b", code, re.MULTILINE)
    folder = re.search(rf"(?:mkdir -p|>)\s*[\"']?\$\{{?{number}\b", code)
    default = re.search(rf"\$\{{{number}:?-([A-Za-z0-9_]+)\}}", code)
    choice = re.fullmatch(r"[\[<]?([A-Za-z0-9_]+)\|[A-Za-z0-9_|]+[\]>]?", name)
    meant = role(name) or role(variable[1] if variable else "") or (RESULTS if folder else "")
    if meant:
        return [meant]
    literal = default or choice
    return [literal[1]] if literal else [TARGET] if number == 1 else None


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
