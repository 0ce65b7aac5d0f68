"""The jail's side of one load: executes the target and answers what it is asked.

Nothing imports it on the host: its text runs in the jail, in the same process as the target, which may change all of
it. No promise rests on it: what the evaluator accepts is decided on the evaluator's side.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
import types
from collections.abc import Callable
from typing import Any

from .carry import Reference, RefusedError, decode, encode
from .frames import Pipe, TooLargeError

_FIRST_SECONDS = 60.0
_MOST_TRACEBACKS = 20
_COROUTINE = 0x80  # inspect.CO_COROUTINE
_SPECIAL = ("__call__", "__len__", "__getitem__", "__setitem__", "__contains__")


class Callee:
    """One load of the target.

    Args:
        pipe: Its connection with the evaluator.
        path: The target.
    """

    def __init__(self, pipe: Pipe, path: str) -> None:
        self.pipe, self.path = pipe, path
        self.objects: dict[int, Any] = {}
        self.made = self.asked = self.shown = 0
        self.module = types.ModuleType("target")
        self.thread = threading.get_ident()

    def first(self) -> list[str] | None:
        """Take the first message; returns the arguments of a program, or None after loading the target as a module."""
        message = decode(self.pipe.receive(time.monotonic() + _FIRST_SECONDS), self.resolve)
        if message[0] == "main":
            return list(message[1])
        self.load(message[1])
        return None

    def load(self, name: str) -> None:
        """Execute the target as a module and tell what it defines."""
        self.module = types.ModuleType(name)
        self.module.__file__ = self.path
        sys.argv = [self.path]
        sys.modules.setdefault(name, self.module)
        try:
            with open(self.path, "rb") as file:
                code = compile(file.read(), self.path, "exec", dont_inherit=True)
            exec(code, self.module.__dict__)  # noqa: S102 - to execute it is what the jail is for
        except BaseException as error:  # noqa: BLE001 - whatever the target raises is the answer
            self.send(0, encode(self.fault(0, error), self.refer))
            return
        found = list(vars(self.module).items())
        names = [(name, *self.kind(value)) for name, value in found if _is_seen(name, value)]
        self.send(0, encode(("ready", names), self.refer))

    def kind(self, value: Any) -> tuple[str, Any]:
        """Say what kind of thing a global name of the target is, with its value where that is data."""
        if isinstance(value, type):
            return ("exception", None) if issubclass(value, Exception) else ("class", _special_methods(value))
        if callable(value):
            return ("coroutine" if _is_coroutine_function(value) else "function"), None
        try:
            encode(value, self.refer)
        except RefusedError as error:
            return "refused", str(error)
        return "data", value

    def serve(self, until: int | None = None) -> Any:
        """Answer until the evaluator has gone, or until it has answered question `until`."""
        while True:
            message = decode(self.pipe.receive(), self.resolve)
            if message[0] in {"answer", "error"}:
                if message[1] == until:
                    return message
                continue
            self.answer(message)

    def answer(self, message: tuple[Any, ...]) -> None:
        """Carry out one request and send the answer."""
        operation, number, handle, path, args, kwargs, dropped = message
        for gone in dropped:
            self.objects.pop(gone, None)
        try:
            body = encode(("answer", number, getattr(self, f"do_{operation}")(handle, path, args, kwargs)), self.refer)
        except RefusedError as error:
            body = encode(("refused", number, str(error)), self.refer)
        except BaseException as error:  # noqa: BLE001 - whatever the target raises is the answer
            body = encode(self.fault(number, error), self.refer)
        self.send(number, body)

    def do_call(self, handle: int, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function and return its result."""
        result: Any = self.find(handle, path)(*args, **kwargs)
        waits: bool = isinstance(result, types.CoroutineType)
        return _awaited(result) if waits else result

    def do_new(self, handle: int, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Make an object and return its number."""
        made = self.find(handle, path)(*args, **kwargs)
        self.made += 1
        self.objects[self.made] = made
        return self.made

    def do_get(self, handle: int, path: str, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return an attribute."""
        value = self.find(handle, path)
        return ("function", None) if callable(value) else ("data", value)

    def do_set(self, handle: int, path: str, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
        """Set an attribute."""
        setattr(self.find(handle, ""), path, args[0])

    def find(self, handle: int, path: str) -> Any:
        """Follow dotted names from an object, or from the target itself."""
        found: Any = self.objects[handle] if handle else self.module
        for name in path.split(".") if path else []:
            found = getattr(found, name)
        return found

    def refer(self, value: Any) -> Reference | None:
        """Say which object of the evaluator's a value is."""
        return next((Reference("t", number) for number, held in self.objects.items() if held is value), None)

    def resolve(self, reference: Reference) -> Any:
        """Return what the evaluator means: an object here, or a function of its own."""
        if reference.kind == "t":
            return self.find(reference.number, reference.path)
        return self.callback(reference.number)

    def callback(self, which: int) -> Callable[..., Any]:
        """Return a function that asks the evaluator."""

        def ask(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self.thread:
                raise RuntimeError("a function of the evaluator can be called by the target's main thread alone")
            self.asked += 1
            number = self.asked
            try:
                body = encode(("ask", number, which, args, kwargs), self.refer)
            except RefusedError as error:
                raise TypeError(f"an argument of type {error} cannot be carried to the evaluator") from None
            self.pipe.send(body)
            answer = self.serve(number)
            if answer[0] == "answer":
                return answer[2]
            kind = getattr(__import__("builtins"), answer[2], RuntimeError)
            raise kind(answer[3]) if kind is not RuntimeError else RuntimeError(f"{answer[2]}: {answer[3]}")

        return ask

    def fault(self, number: int, error: BaseException) -> tuple[Any, ...]:
        """Return an exception as an answer; its traceback goes to the log."""
        self.shown += 1
        if self.shown <= _MOST_TRACEBACKS:
            traceback.print_exception(type(error), error, error.__traceback__)
        kind = type(error)
        own = kind.__module__ == self.module.__name__
        name = f".{kind.__qualname__}" if own else kind.__qualname__
        if kind.__module__ != "builtins" and not own:
            name = f"{kind.__module__}.{name}"
        message = error.args[0] if len(error.args) == 1 else error
        return ("error", number, name, f"{message}")

    def send(self, number: int, body: bytes) -> None:
        """Send one message, or that it was too large."""
        try:
            self.pipe.send(body)
        except TooLargeError as error:
            self.pipe.send(encode(("error", number, "ValueError", f"the result is {error}"), self.refer))


def _is_seen(name: str, value: object) -> bool:
    return not (name.startswith("__") and name.endswith("__")) and not isinstance(value, types.ModuleType)


def _is_coroutine_function(value: object) -> bool:
    return bool(getattr(getattr(value, "__code__", None), "co_flags", 0) & _COROUTINE)


def _awaited(coroutine: Any) -> Any:
    import asyncio  # noqa: PLC0415 - it takes long to import, and few targets need it

    return asyncio.run(coroutine)


def _special_methods(kind: Any) -> list[str]:
    """Name the special methods that the objects of a class have, not only the class itself."""
    return [name for name in _SPECIAL if any(name in vars(each) for each in kind.__mro__)]


def run(pipe: Pipe, path: str, become: Callable[[Pipe, list[str]], None]) -> None:
    """Serve one load.

    Args:
        pipe: Its connection.
        path: The target.
        become: Turns this process into the target as a program, with these arguments.
    """
    callee = Callee(pipe, path)
    words = callee.first()
    if words is not None:
        become(pipe, words)
    callee.serve()
