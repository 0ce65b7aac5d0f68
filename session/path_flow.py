"""Which expressions of an evaluator's modules stand for the target's path, followed by name and without execution.

Promise: a parameter that holds the path, what is assigned from it, attributes that take it, and the parameters of the
project's functions that get it, directly or through a runner such as `submit(function, path)`, are all known.
Edge: names are not told apart by type, so a function counts for every call of its name.
"""

import ast
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_SAME_FILE = frozenset({
    "Path", "PosixPath", "PurePath", "abspath", "expanduser", "fsdecode", "fsencode", "fspath", "normpath", "realpath",
    "str",
})  # fmt: skip
_SAME_PATH = frozenset({"absolute", "as_posix", "expanduser", "resolve"})
_JOINS = frozenset({"join", "joinpath"})


@dataclass(eq=False)
class Place:
    """A module or a function in it.

    Attributes:
        file: Of the module, relative to the project.
        node: Its syntax.
        names: Those that hold the path there.
        parameters: What a call fills, in order; `self` is not among them.
    """

    file: str
    node: ast.Module | _Function
    names: set[str] = field(default_factory=set[str])
    parameters: tuple[str, ...] = ()


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return _last_name(call.func)


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _ends(node: ast.AST) -> list[ast.expr]:
    """The parts of an expression of which each alone can make it a path to that file."""
    match node:
        case ast.BinOp():
            return [node.right]
        case ast.JoinedStr(values=[*_, ast.FormattedValue(value=last)]):
            return [last]
        case ast.NamedExpr() | ast.Starred():
            return [node.value]
        case ast.IfExp():
            return [node.body, node.orelse]
        case _:
            return node.values if isinstance(node, ast.BoolOp) else []


class Flow:
    """The path's way through some modules.

    Args:
        trees: The modules by file.
        start: The evaluator's file.
        function: Of it, the one whose first parameter is the path; empty if none is.
        target: The target's path, relative to the project.
    """

    def __init__(self, trees: Mapping[str, ast.Module], start: str, function: str, target: str) -> None:
        self.places: list[Place] = []
        self._by_name: dict[str, list[Place]] = {}
        self._literal = {target, posixpath.basename(target)}
        self._attributes: set[str] = set()
        self._modules: dict[str, Place] = {}
        self._parents: dict[ast.AST, ast.AST] = {}
        for file, tree in trees.items():
            self._add(file, tree)
        for place in self._by_name.get(function, ()):
            if place.file == start:
                place.names.update(place.parameters[:1])
        while sum(self._spread(place) for place in self.places):
            pass

    def _add(self, file: str, tree: ast.Module) -> None:
        self._modules[file] = Place(file, tree)
        self.places.append(self._modules[file])
        for node in ast.walk(tree):
            self._parents |= dict.fromkeys(ast.iter_child_nodes(node), node)
        for node in ast.walk(tree):
            if isinstance(node, _Function):
                owner = self._parents[node]
                names = tuple(arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
                method = isinstance(owner, ast.ClassDef) and names[:1] in {("self",), ("cls",)}
                place = Place(file, node, parameters=names[1:] if method else names)
                called_as = owner.name if isinstance(owner, ast.ClassDef) and node.name == "__init__" else node.name
                self.places.append(place)
                self._by_name.setdefault(called_as, []).append(place)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The syntax around a piece of it."""
        return self._parents.get(node)

    def calls(self, place: Place) -> list[ast.Call]:
        """Every call in a place, in the order of lines; a module's functions are places of their own."""
        found = [node for node in ast.walk(place.node) if isinstance(node, ast.Call)]
        if isinstance(place.node, ast.Module):
            found = [call for call in found if not self._in_function(call)]
        return sorted(found, key=lambda call: (call.lineno, call.col_offset))

    def _in_function(self, node: ast.AST | None) -> bool:
        while node is not None and not isinstance(node, _Function):
            node = self._parents.get(node)
        return node is not None

    def uses(self, name: str, place: Place) -> list[ast.Name]:
        """Where a name is read in a place."""
        nodes = (node for node in ast.walk(place.node) if isinstance(node, ast.Name) and node.id == name)
        return [node for node in nodes if isinstance(node.ctx, ast.Load)]

    def is_path(self, node: ast.AST, place: Place) -> bool:
        """Whether an expression is the target's path."""
        match node:
            case ast.Name():
                return node.id in place.names | self._modules[place.file].names
            case ast.Attribute():
                return node.attr in self._attributes
            case ast.Constant():
                return isinstance(node.value, str) and posixpath.normpath(node.value) in self._literal
            case ast.Call():
                return self._makes_path(node, place)
            case _:
                return any(self.is_path(part, place) for part in _ends(node))

    def _makes_path(self, call: ast.Call, place: Place) -> bool:
        name = called(call)
        if name in _SAME_PATH and isinstance(call.func, ast.Attribute) and self.is_path(call.func.value, place):
            return True
        if name in _JOINS:
            return bool(call.args) and self.is_path(call.args[-1], place)
        return name in _SAME_FILE and any(self.is_path(arg, place) for arg in call.args)

    def handed(self, call: ast.Call) -> Iterator[tuple[ast.expr, Place, str]]:
        """Yield each argument that a function of these modules gets, with that function and its parameter."""
        words = {word.arg: word.value for word in call.keywords if word.arg}
        for place in self._by_name.get(called(call), ()):
            yield from self._filled(place, call.args, words)
        given = [*call.args, *words.values()]
        for index, reference in enumerate(given):
            for place in self._by_name.get(_last_name(reference), ()):
                yield from self._filled(place, call.args[index + 1 :], words)
                for several in given:
                    if isinstance(several, ast.Tuple | ast.List):
                        yield from self._filled(place, several.elts, {})

    @staticmethod
    def _filled(
        place: Place, args: list[ast.expr], words: Mapping[str, ast.expr]
    ) -> Iterator[tuple[ast.expr, Place, str]]:
        yield from ((arg, place, name) for arg, name in zip(args, place.parameters, strict=False))
        yield from ((arg, place, name) for name, arg in words.items() if name in place.parameters)

    def _spread(self, place: Place) -> bool:
        """Follow the path one step through a place; say whether anything new was found."""
        before = self._known()
        for node in ast.walk(place.node):
            match node:
                case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    if node.value is not None and self.is_path(node.value, place):
                        place.names |= {target.id for target in targets if isinstance(target, ast.Name)}
                        self._attributes |= {target.attr for target in targets if isinstance(target, ast.Attribute)}
                case ast.Call():
                    for arg, function, name in self.handed(node):
                        if self.is_path(arg, place):
                            function.names.add(name)
                case _:
                    pass
        return self._known() != before

    def _known(self) -> int:
        return len(self._attributes) + sum(len(place.names) for place in self.places)
