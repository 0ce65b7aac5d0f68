"""What the evaluator sees of its target: functions, classes and constants of the same names, in the same places.

Nothing imports it on the host: its text runs in the evaluator's world.

Edges: constants are copied when the target is loaded. The special methods that an object in the jail is asked for are
those in `_SPECIAL`; it is compared, hashed and printed as the object here, never there. Names that begin and end with
two underscores, and modules, are not seen. An object that is no data is refused when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from .caller import Place, Target
from .carry import MalformedError
from .connect import Told
from .forward import forward

_SPECIAL = ("__call__", "__len__", "__getitem__", "__setitem__", "__contains__")
_MOST_NAMES = 10_000
_MINE = "__referee_names__"


def stand_in(namespace: dict[str, Any], told: Told, origin: str) -> None:
    """Fill a namespace with what the target defines, or run the target as a program where it is to be run as one.

    Args:
        namespace: Where the stand-in's text is executed.
        told: What it was told.
        origin: Name of the file that the text was compiled from.

    Raises:
        Exception: what the target raised while it was loaded.
        RuntimeError: its process ended, or it defines a name that belongs to the evaluator.
    """
    # A text that an evaluator executes in its own namespace is not the program, whatever its name is.
    if namespace.get("__name__") == "__main__" and namespace.get("__file__") == origin:
        forward(told)
        return
    target = Target(told, str(namespace.get("__name__", "target")))
    names = [_checked(entry) for entry in target.surface()[:_MOST_NAMES]]
    _require_free(namespace, [name for name, _, _ in names])
    refused: dict[str, str] = {}
    for name, kind, payload in names:
        if kind == "refused":
            refused[name] = str(payload)
        else:
            namespace[name] = _KINDS[kind](target, str(namespace.get("__name__")), name, payload)
    namespace[_MINE] = [name for name, kind, _ in names if kind != "refused"]
    namespace["__getattr__"] = _missing(target, refused)


def _checked(entry: Any) -> tuple[str, str, Any]:
    try:
        name, kind, payload = entry
    except (TypeError, ValueError):
        raise MalformedError("the target's process sent no list of names") from None
    if not (isinstance(name, str) and name.isidentifier() and not _special(name)):
        raise MalformedError("the target's process sent no list of names")
    if not isinstance(kind, str) or kind not in {*_KINDS, "refused"}:
        raise MalformedError("the target's process sent a name of an unknown kind")
    return name, kind, payload


def _special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _require_free(namespace: dict[str, Any], names: list[str]) -> None:
    """Refuse to replace anything that the evaluator has where it loads the target."""
    for name in set(names) - set(namespace.get(_MINE, ())):
        if name in namespace:
            raise RuntimeError(f"the target defines {name}, a name that the evaluator has itself where it loads it")


def _missing(target: Target, refused: dict[str, str]) -> Callable[[str], Any]:
    def __getattr__(name: str) -> Any:  # noqa: N807 - what a module is asked for a name that it does not have
        if name in refused:
            target.refuse("a value", refused[name])
        if name == "__all__":
            target.stop(
                "'import *' of the target could replace any name of the evaluator; import what it needs by name"
            )
        raise AttributeError(f"module {target.name!r} has no attribute {name!r}")

    return __getattr__


def _function(target: Target, module: str, name: str, _payload: Any, place: Place | None = None) -> Any:
    where = place or Place(0, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        return target.ask("call", where, args, kwargs)

    return _marked(call, target, where, module)


def _coroutine(target: Target, module: str, name: str, _payload: Any) -> Any:
    where = Place(0, name)

    async def call(*args: Any, **kwargs: Any) -> Any:
        return target.ask("call", where, args, kwargs)

    return _marked(call, target, where, module)


def _marked(call: Any, target: Target, where: Place, module: str) -> Any:
    call.__name__ = call.__qualname__ = where.path.rpartition(".")[2]
    call.__module__ = module
    call._referee_target, call._referee_place = target, where  # noqa: SLF001 - its own marks
    return call


class _Object:
    """An object of the target, which lives in the jail."""

    _referee_target: Target
    _referee_place: Place

    def __getattr__(self, name: str) -> Any:
        if _special(name):
            raise AttributeError(name)
        return _fetched(self._referee_target, self._referee_place, name)

    def __setattr__(self, name: str, value: Any) -> None:
        place = self._referee_place
        self._referee_target.ask("set", place._replace(path=name), (value,))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("an object of the target cannot be copied or pickled")

    def __del__(self) -> None:
        target, place = self.__dict__.get("_referee_target"), self.__dict__.get("_referee_place")
        if target is not None and place is not None and place.load == target.load:
            target.dropped.append(place.handle)


class _Kind(type):
    """A class of the target; calling it makes an object in the jail."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        target: Target = vars(cls)["_referee_target"]
        handle = target.ask("new", vars(cls)["_referee_place"], args, kwargs)
        if type(handle) is not int or handle <= 0 or handle in target.instances:
            raise MalformedError("the target's process made no object")
        made: Any = cast("type[_Object]", cls).__new__(cast("type[_Object]", cls))
        own: dict[str, Any] = made.__dict__
        own.update(_referee_target=target, _referee_place=Place(handle, "", target.load))
        target.instances[handle] = made
        return made

    def __getattr__(cls, name: str) -> Any:
        if _special(name) or name.startswith("_referee"):
            raise AttributeError(name)
        return _fetched(vars(cls)["_referee_target"], vars(cls)["_referee_place"], name)


def _fetched(target: Target, place: Place, name: str) -> Any:
    where = place._replace(path=f"{place.path}.{name}".lstrip("."))
    answer = target.ask("get", where)
    try:
        kind, value = answer
    except (TypeError, ValueError):
        raise MalformedError("the target's process sent no attribute") from None
    if kind == "data":
        return value
    return _function(target, target.name, name, None, where)


def _class(target: Target, module: str, name: str, payload: Any) -> Any:
    members: dict[str, Any] = {"__module__": module, "_referee_target": target, "_referee_place": Place(0, name)}
    if not isinstance(payload, list):
        raise MalformedError("the target's process sent a class without a list of its methods")
    members.update((special, _method(special)) for special in _SPECIAL if special in payload)
    return _Kind(name, (_Object,), members)


def _method(name: str) -> Callable[..., Any]:
    def call(self: _Object, *args: Any, **kwargs: Any) -> Any:
        place: Place = vars(self)["_referee_place"]
        return vars(self)["_referee_target"].ask("call", place._replace(path=name), args, kwargs)

    call.__name__ = name
    return call


def _own_exception(target: Target, module: str, name: str, _payload: Any) -> Any:
    made = type(name, (RuntimeError,), {"__module__": module})
    target.exceptions[f".{name}"] = made
    return made


def _data(_target: Target, _module: str, _name: str, payload: Any) -> Any:
    return payload


_KINDS: dict[str, Callable[[Target, str, str, Any], Any]] = {
    "data": _data,
    "function": _function,
    "coroutine": _coroutine,
    "class": _class,
    "exception": _own_exception,
}
