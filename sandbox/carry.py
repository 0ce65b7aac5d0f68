"""What passes between an evaluator and its target: plain data as bytes and back; nothing in it executes.

Nothing imports it on the host: its text runs inside both worlds, perhaps in an older Python than Referee's.

Guarantee: what `decode` returns is made of exact builtin types and plain numpy arrays and scalars, whatever the bytes
are; depth and counts are bounded; anything else is a `MalformedError`. There is no pickle. A value of a subclass
(`IntEnum`, `defaultdict`, a `float` with a lying `__eq__`) arrives as its plain builtin type; an array of a subclass,
or with Python objects in it, is refused.

Format: a tag byte and its content, all numbers little-endian. An array is its dtype, its order, its shape and the same
raw bytes that an `npy` file holds; its header is not text that must be parsed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, cast

from . import arrays

DEEPEST = 100
MOST_ITEMS = 40_000_000
_SMALL = range(-(2**63), 2**63)
_COUNT, _INTEGER, _REAL, _COMPLEX = (struct.Struct(form) for form in ("<Q", "<q", "<d", "<dd"))


class RefusedError(TypeError):
    """A value is of a type that is not carried; the message is the name of that type."""


class MalformedError(RuntimeError):
    """Bytes are not what `encode` writes."""


class Reference:
    """Stands for an object that stays on the other side, or for one of this side's own.

    Attributes:
        kind: `t` for an object of the target, `c` for a function of the evaluator.
        number: Which one.
        path: Dotted names of attributes to follow from there; empty for the object itself.
    """

    def __init__(self, kind: str, number: int, path: str = "") -> None:
        self.kind, self.number, self.path = kind, number, path


def encode(value: object, refer: Callable[[Any], Reference | None]) -> bytes:
    """Return a value as bytes.

    Args:
        value: Data.
        refer: Says what stands for an object that is no data; None where nothing does.

    Raises:
        RefusedError: a part of it is of a type that is not carried.
    """
    writer = _Writer(refer)
    writer.put(value, 0)
    return b"".join(writer.parts)


def decode(data: bytes, resolve: Callable[[Reference], Any]) -> Any:
    """Return the value that `encode` wrote.

    Args:
        data: Bytes from anywhere.
        resolve: Returns what a reference stands for; raises MalformedError for one that it does not know.

    Raises:
        MalformedError: they are not what `encode` writes.
    """
    reader = _Reader(data, resolve)
    try:
        value = reader.take(0)
    except (ValueError, TypeError, OverflowError, MemoryError, RecursionError, struct.error) as error:
        raise MalformedError(f"malformed data: {error}") from None
    if reader.left():
        raise MalformedError("malformed data: more than one value")
    return value


def _type(value: Any) -> type[Any]:
    kind: Any = type
    return cast("type[Any]", kind(value))


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class _Writer:
    """Collects the parts of one message."""

    def __init__(self, refer: Callable[[Any], Reference | None]) -> None:
        self.parts: list[bytes] = []
        self.refer = refer

    def put(self, value: Any, depth: int) -> None:
        if depth > DEEPEST:
            raise RefusedError(f"{_type_name(value)} nested more than {DEEPEST} deep")
        write = _WRITERS.get(_type(value))
        if write is not None:
            write(self, value, depth)
            return
        reference = self.refer(value)
        if reference is not None:
            self.parts += (b"r", reference.kind.encode(), _INTEGER.pack(reference.number))
            self.text(reference.path, depth)
        elif not self.array(value):
            self.plain(value, depth)

    def plain(self, value: Any, depth: int) -> None:
        """Write a value of a subclass as its builtin type."""
        kinds = [kind for kind in _PLAIN if issubclass(type(value), kind)]
        if not kinds:
            raise RefusedError(_type_name(value))
        _WRITERS[kinds[0]](self, value, depth)

    def integer(self, value: int, _depth: int) -> None:
        whole = int.__index__(value)
        if whole in _SMALL:
            self.parts += (b"q", _INTEGER.pack(whole))
        else:
            self.counted(b"i", whole.to_bytes(whole.bit_length() // 8 + 1, "little", signed=True))

    def text(self, value: str, _depth: int) -> None:
        self.counted(b"s", str.encode(value, "utf-8", "surrogatepass"))

    def counted(self, tag: bytes, data: bytes) -> None:
        self.parts += (tag, _COUNT.pack(len(data)), data)

    def sequence(self, tag: bytes, items: list[Any], depth: int) -> None:
        packed = _packed(items)
        if packed:
            self.parts += (tag.upper(), packed[0].encode(), _COUNT.pack(len(items)), packed[1])
            return
        self.parts += (tag, _COUNT.pack(len(items)))
        for item in items:
            self.put(item, depth + 1)

    def mapping(self, value: Any, depth: int) -> None:
        items = list(_entries(value))
        self.parts += (b"d", _COUNT.pack(len(items)))
        for key, item in items:
            self.put(key, depth + 1)
            self.put(item, depth + 1)

    def array(self, value: Any) -> bool:
        """Write a numpy array or scalar; says whether it is one."""
        parts = arrays.parts_of(value)
        if parts is None:
            return False
        if not parts.dtype:
            raise RefusedError(f"{_type_name(value)} with dtype {parts.refused}")
        self.parts.append(b"g" if parts.scalar else b"a")
        self.text(parts.dtype, 0)
        self.parts += (parts.order.encode(), _COUNT.pack(len(parts.shape)), *map(_COUNT.pack, parts.shape))
        self.parts += (_COUNT.pack(len(parts.data)), parts.data)
        return True


def _packed(items: list[Any]) -> tuple[str, bytes] | None:
    """Return many numbers of one type at once; None where it must be done one by one."""
    kinds = set(map(type, items))
    form = {float: "d", int: "q"}.get(kinds.pop()) if len(kinds) == 1 else None
    try:
        return (form, struct.pack(f"<{len(items)}{form}", *items)) if form else None
    except struct.error:  # an integer of more than 64 bits
        return None


def _items(kind: Any, value: object) -> list[Any]:
    """Return what a value holds, whatever its own class says."""
    return list(kind.__iter__(value))


def _entries(value: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    plain: Any = dict
    return cast("Iterable[tuple[Any, Any]]", plain.items(value))


_WRITERS: dict[type, Callable[[_Writer, Any, int], None]] = {
    type(None): lambda writer, _value, _depth: writer.parts.append(b"n"),
    bool: lambda writer, value, _depth: writer.parts.append(b"+" if value else b"-"),
    int: _Writer.integer,
    float: lambda writer, value, _depth: writer.parts.append(b"f" + _REAL.pack(value)),
    complex: lambda writer, value, _depth: writer.parts.append(b"c" + _COMPLEX.pack(value.real, value.imag)),
    str: _Writer.text,
    bytes: lambda writer, value, _depth: writer.counted(b"b", bytes(memoryview(value))),
    bytearray: lambda writer, value, _depth: writer.counted(b"y", bytes(memoryview(value))),
    list: lambda writer, value, depth: writer.sequence(b"l", _items(list, value), depth),
    tuple: lambda writer, value, depth: writer.sequence(b"t", _items(tuple, value), depth),
    set: lambda writer, value, depth: writer.sequence(b"e", _items(set, value), depth),
    frozenset: lambda writer, value, depth: writer.sequence(b"z", _items(frozenset, value), depth),
    dict: _Writer.mapping,
}
_PLAIN: tuple[type, ...] = (int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict)
_MANY: dict[bytes, Callable[[Iterable[Any]], Any]] = {b"l": list, b"t": tuple, b"e": set, b"z": frozenset}


class _Reader:
    """Takes one message apart."""

    def __init__(self, data: bytes, resolve: Callable[[Reference], Any]) -> None:
        self.data, self.at, self.items, self.resolve = memoryview(data), 0, 0, resolve

    def left(self) -> int:
        return len(self.data) - self.at

    def raw(self, size: int) -> memoryview:
        if not 0 <= size <= self.left():
            raise MalformedError("malformed data: cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def count(self, least: int) -> int:
        """Take the number of things that follow, of which each takes at least so many bytes."""
        number: int = _COUNT.unpack(self.raw(8))[0]
        self.items += number if least else 0
        if number * max(least, 1) > self.left() or self.items > MOST_ITEMS:
            raise MalformedError("malformed data: a count beyond its bounds")
        return number

    def take(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise MalformedError("malformed data: nested too deeply")
        tag = bytes(self.raw(1))
        read = _READERS.get(tag)
        if read is None:
            raise MalformedError("malformed data: an unknown tag")
        return read(self, tag, depth)

    def counted(self) -> bytes:
        return bytes(self.raw(self.count(0)))

    def text(self) -> str:
        return self.counted().decode("utf-8", "surrogatepass")

    def many(self, tag: bytes, depth: int) -> Any:
        number = self.count(1)
        made = _MANY[tag](self.take(depth + 1) for _ in range(number))
        if len(made) != number:
            raise MalformedError("malformed data: a set has an element twice")
        return made

    def packed(self, tag: bytes, _depth: int) -> Any:
        form = bytes(self.raw(1)).decode("ascii")
        if form not in {"d", "q"}:
            raise MalformedError("malformed data: an unknown form")
        number = self.count(8)
        return _MANY[tag.lower()](struct.unpack(f"<{number}{form}", self.raw(8 * number)))

    def mapping(self, _tag: bytes, depth: int) -> dict[Any, Any]:
        number = self.count(2)
        made: dict[Any, Any] = {}
        for _ in range(number):
            key = self.take(depth + 1)
            made[key] = self.take(depth + 1)
        if len(made) != number:
            raise MalformedError("malformed data: a key twice")
        return made

    def reference(self, _tag: bytes, depth: int) -> Any:
        kind = bytes(self.raw(1)).decode("ascii")
        number: int = _INTEGER.unpack(self.raw(8))[0]
        path = self.take(depth + 1)
        if not isinstance(path, str):
            raise MalformedError("malformed data: no path")
        return self.resolve(Reference(kind, number, path))

    def array(self, tag: bytes, _depth: int) -> Any:
        name = self.text() if bytes(self.raw(1)) == b"s" else ""
        order = bytes(self.raw(1)).decode("ascii")
        dimensions = self.count(8)
        shape = struct.unpack(f"<{dimensions}Q", self.raw(8 * dimensions))
        return arrays.made(arrays.Parts(name, order, shape, self.counted(), scalar=tag == b"g"))


_READERS: dict[bytes, Callable[[_Reader, bytes, int], Any]] = {
    b"n": lambda _reader, _tag, _depth: None,
    b"+": lambda _reader, _tag, _depth: True,
    b"-": lambda _reader, _tag, _depth: False,
    b"q": lambda reader, _tag, _depth: _INTEGER.unpack(reader.raw(8))[0],
    b"i": lambda reader, _tag, _depth: int.from_bytes(reader.counted(), "little", signed=True),
    b"f": lambda reader, _tag, _depth: _REAL.unpack(reader.raw(8))[0],
    b"c": lambda reader, _tag, _depth: complex(*_COMPLEX.unpack(reader.raw(16))),
    b"s": lambda reader, _tag, _depth: reader.text(),
    b"b": lambda reader, _tag, _depth: reader.counted(),
    b"y": lambda reader, _tag, _depth: bytearray(reader.counted()),
    **dict.fromkeys(_MANY, _Reader.many),
    **{tag.upper(): _Reader.packed for tag in _MANY},
    b"d": _Reader.mapping,
    b"r": _Reader.reference,
    b"a": _Reader.array,
    b"g": _Reader.array,
}
