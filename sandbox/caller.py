"""The evaluator's side of one loaded target: asks the jail, and treats every byte of its answers as hostile.

Nothing imports it on the host: its text runs in the evaluator's world.

Guarantee: an answer is plain data, an exception, or an object that the evaluator itself made there and still holds.
Nothing that the jail sends is executed. Whatever breaks the protocol is a RuntimeError and ends that load.

Edges: an argument is a copy; what the target does to it is not seen here. After a fault, a time limit, or an exception
that interrupted a call (an alarm), and in a forked process, the next call begins with a fresh load.
"""

from __future__ import annotations

import builtins
import os
import re
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from .carry import MalformedError, Reference, RefusedError, decode, encode
from .connect import Connection, Told, note
from .frames import EndedError, Pipe

_LONGEST = 10_000
_MOST_CALLBACKS = 10_000
_ANY_LOAD = 0
# These would quietly end a loop of the evaluator.
_ENDS = (StopIteration, StopAsyncIteration)
_SHAPES: dict[str, tuple[type, ...]] = {
    "ready": (list,),
    "answer": (int, object),
    "error": (int, str, str),
    "refused": (int, str),
    "ask": (int, int, tuple, dict),
    "ended": (int,),
}


class Place(NamedTuple):
    """Where something is in the jail.

    Attributes:
        handle: Number of an object; 0 is the target itself.
        path: Dotted names from there.
        load: Number of the load to which the object belongs; 0 for any.
    """

    handle: int
    path: str
    load: int = _ANY_LOAD


class Target:
    """One target in its jail."""

    def __init__(self, told: Told, name: str) -> None:
        self.told, self.name = told, name
        self.exceptions: dict[str, Callable[[str], Exception]] = {}
        self.load = self.count = 0
        self.pipe: Pipe | None = None
        self.forget()
        _TARGETS.add(self)

    def forget(self) -> None:
        """End the load, with everything that belongs to it."""
        if self.pipe is not None:
            self.pipe.close()
        self.pipe = None
        self.lock = getattr(self, "lock", None) or threading.RLock()
        self.callbacks: list[Callable[..., Any]] = []
        self.instances: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self.dropped: list[int] = []

    def __del__(self) -> None:
        if getattr(self, "pipe", None) is not None:
            self.forget()

    def forked(self) -> None:
        """Begin anew in the child of a fork; its parent goes on with the load."""
        self.lock = threading.RLock()
        self.forget()

    def surface(self) -> list[Any]:
        """Load the target and return what it defines."""
        with self.lock:
            self.forget()
            connection = Connection(self.told)
            self.pipe = connection.pipe
            self.load += 1
            try:
                self.pipe.send(self._encoded(("load", self.name)))
                found: list[Any] = self._outcome(self._answer(self.pipe, 0, self._end()), "ready")
            except BaseException:
                self.forget()
                raise
            finally:
                connection.unlink()
            return found

    def ask(
        self, operation: str, place: Place, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Have the jail do something and return what it answers.

        Args:
            operation: `call`, `new`, `get` or `set`.
            place: With what.
            args: Data, functions to be called back, and objects of the target.
            kwargs: Likewise.

        Raises:
            TypeError: an argument or the result is of a type that is not carried.
            ValueError: the arguments are larger than the limit.
            TimeoutError: it took longer than the limit.
            RuntimeError: the target's process ended, or what it sent is not what was asked for.
            Exception: what the target raised, as the same builtin exception or as a RuntimeError.
        """
        with self.lock:
            if place.load not in {_ANY_LOAD, self.load if self.pipe else -1}:
                raise RuntimeError("this object of the target belongs to a load that has ended")
            if self.pipe is None:
                self.surface()
            pipe = self.pipe
            if pipe is None:
                raise EndedError("the target's process has ended")
            self.count += 1
            number = self.count
            dropped, self.dropped = self.dropped, []
            body = self._encoded((operation, number, place.handle, place.path, args, kwargs or {}, dropped))
            try:
                end = self._end()
                pipe.send(body, end)
                reply = self._answer(pipe, number, end)
            except BaseException:
                if self.pipe is pipe:
                    self.forget()
                raise
        return self._outcome(reply, "answer")

    def _end(self) -> float | None:
        return None if self.told.call_seconds is None else time.monotonic() + self.told.call_seconds

    def _encoded(self, message: tuple[Any, ...]) -> bytes:
        try:
            body = encode(message, self._refer)
        except RefusedError as error:
            self.refuse("an argument", str(error))
        if len(body) > self.told.message_bytes:
            raise ValueError(f"the arguments take {len(body)} bytes; at most {self.told.message_bytes} are carried")
        return body

    def refuse(self, what: str, name: str) -> NoReturn:
        """Note that something cannot be carried, and raise TypeError with the same sentence."""
        plain = re.sub(r"[^\w.<>\[\], -]", "?", name, flags=re.ASCII)[:200]
        self.stop(f"{what} of type {plain} cannot be carried between evaluator and target")

    def stop(self, sentence: str) -> NoReturn:
        """Note why the evaluator cannot work with a stand-in, and raise TypeError with the same sentence."""
        note(self.told, sentence)
        raise TypeError(sentence)

    def _answer(self, pipe: Pipe, number: int, end: float | None) -> tuple[Any, ...]:
        while True:
            try:
                reply = _checked(decode(pipe.receive(end), self._resolve))
            except EndedError:
                raise EndedError("the target's process ended before it answered") from None
            if reply[0] == "ask":
                self._call_back(pipe, *reply[1:], end=end)
            elif reply[0] == "ended":
                raise EndedError(f"the target's process ended with exit code {reply[1]} before it answered")
            elif reply[0] != "ready" and reply[1] != number:
                raise MalformedError("the target's process answered something else than it was asked")
            else:
                return reply

    def _call_back(
        self, pipe: Pipe, number: int, which: int, args: tuple[Any, ...], kwargs: dict[str, Any], *, end: float | None
    ) -> None:
        if not 0 <= which < len(self.callbacks):
            raise MalformedError("the target's process asked for a function that it was not given")
        try:
            body = self._encoded(("answer", number, self.callbacks[which](*args, **kwargs)))
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its answer
            body = self._encoded(("error", number, type(error).__name__, str(error)[:_LONGEST]))
        if self.pipe is not pipe:
            raise EndedError("the load ended while it called back")
        pipe.send(body, end)

    def _outcome(self, reply: tuple[Any, ...], expected: str) -> Any:
        if reply[0] == expected:
            return reply[-1]
        if reply[0] == "refused":
            self.refuse("a result", reply[2])
        if reply[0] == "error":
            raise _exception(reply[2], reply[3][:_LONGEST], self.exceptions)
        raise MalformedError("the target's process answered something else than it was asked")

    def _refer(self, value: Any) -> Reference | None:
        place = getattr(value, "_referee_place", None)
        if isinstance(place, Place) and getattr(value, "_referee_target", None) is self:
            return Reference("t", place.handle, place.path) if place.load in {_ANY_LOAD, self.load} else None
        if isinstance(value, type) or not callable(value):
            return None
        known = next((number for number, held in enumerate(self.callbacks) if held is value), len(self.callbacks))
        if known == _MOST_CALLBACKS:
            raise RefusedError(f"function beyond the first {_MOST_CALLBACKS}")
        self.callbacks[known:] = self.callbacks[known:] or [value]
        return Reference("c", known)

    def _resolve(self, reference: Reference) -> Any:
        found = self.instances.get(reference.number)
        if reference.kind != "t" or reference.path or found is None:
            raise MalformedError("the target's process named an object that the evaluator does not hold")
        return found


def _checked(reply: Any) -> tuple[Any, ...]:
    same: Any = reply
    message: tuple[Any, ...] = same if isinstance(reply, tuple) else ()
    if message and isinstance(message[0], str):
        shape = _SHAPES.get(message[0], (type(None),))
        if len(message) == len(shape) + 1 and all(map(isinstance, message[1:], shape)):
            return message
    raise MalformedError("the target's process sent no message of the protocol")


def _exception(name: str, message: str, own: dict[str, Callable[[str], Exception]]) -> Exception:
    """Return what to raise for an exception of the target; the name of one of its own classes begins with a dot."""
    if name in own:
        return own[name](message)
    kind = getattr(builtins, name, None) if name.isidentifier() else None
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, _ENDS):
        try:
            return kind(message)
        except TypeError:
            return RuntimeError(f"{name}: {message}")
    return RuntimeError(f"{name.lstrip('.')[:200]}: {message}")


_TARGETS: weakref.WeakSet[Target] = weakref.WeakSet()


def _forked() -> None:
    for target in list(_TARGETS):
        target.forked()


os.register_at_fork(after_in_child=_forked)
