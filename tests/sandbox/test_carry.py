"""What passes between evaluator and target arrives as plain data of exact types, or is refused by name."""

import enum
import gc
import math
import pickle
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referee.sandbox.carry import DEEPEST, MalformedError, Reference, RefusedError, decode, encode


def no_reference(_value: object) -> None:
    return None


def unknown(_reference: Reference) -> Any:
    raise MalformedError("unknown")


def carried(value: object) -> Any:
    return decode(encode(value, no_reference), unknown)


_KEYS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(), st.complex_numbers()
)
_LEAVES = st.one_of(
    _KEYS,
    st.floats(),
    st.binary().map(bytearray),
    st.sets(st.integers()),
    st.frozensets(st.text()),
    st.text(alphabet=st.characters()),
    st.lists(st.floats()),
    st.lists(st.integers()).map(tuple),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(st.one_of(_KEYS, st.tuples(_KEYS, _KEYS)), inner)
    ),
    max_leaves=30,
)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same exact types, NaN being equal to NaN."""
    if type(one) is not type(other):
        return False
    parts: Any = (list, tuple)
    if isinstance(one, parts):
        return len(one) == len(other) and all(map(alike, one, other))
    if type(one) is dict:
        pairs: Any = dict
        return alike(list(pairs.items(one)), list(pairs.items(other)))
    return repr(one) == repr(other) if isinstance(one, (float, complex)) else bool(one == other)


@given(_VALUES)
def test_data_arrives_as_it_was(value: Any) -> None:
    assert alike(carried(value), value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed(data: bytes) -> None:
    try:
        decode(data, unknown)
    except MalformedError:
        return


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(_VALUES, st.data())
def test_changed_bytes_are_a_value_or_malformed(value: Any, data: st.DataObject) -> None:
    whole = bytearray(encode(value, no_reference))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(whole), unknown)
    except MalformedError:
        return


_ARRAYS = [
    np.arange(12.0).reshape(3, 4),
    np.asfortranarray(np.arange(12).reshape(3, 4)),
    np.arange(24, dtype=">i2")[::2],
    np.array([True, False]),
    np.array([1 + 2j], dtype="c8"),
    np.array(["a", "bcd"]),
    np.array([b"a", b"bc"]),
    np.array(["2026-01-01"], dtype="M8[D]"),
    np.zeros((0, 3)),
    np.array(5.0),
    np.array([math.nan, math.inf], dtype="f2"),
]


@pytest.mark.parametrize("array", _ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_arrive_with_dtype_shape_order_and_of_their_own(array: Any) -> None:
    there = carried(array)
    assert type(there) is np.ndarray
    assert (there.dtype, there.shape, there.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert there.flags.c_contiguous == (array.flags.c_contiguous or not array.flags.f_contiguous)
    assert there.flags.writeable


@pytest.mark.parametrize("scalar", [np.float64(2.5), np.int8(-3), np.bool_(True), np.str_("x"), np.complex64(1j)])  # noqa: FBT003 - numpy takes it so
def test_scalars_of_numpy_arrive_as_such(scalar: Any) -> None:
    there = carried(scalar)
    assert (type(there), there) == (type(scalar), scalar)


@pytest.mark.promise("earned keep")
def test_a_boolean_of_an_array_counts_once_whatever_its_byte() -> None:
    data = encode(np.array([True, True]), no_reference).replace(b"\x01\x01", b"\xff\x02")
    assert data != encode(np.array([True, True]), no_reference)
    there = decode(data, unknown)
    assert (there.view("u1").tolist(), int(there.sum())) == ([1, 1], 2)


class Lying(float):
    """Claims to be equal to anything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __float__(self) -> float:
        return 999.0


class Colour(enum.IntEnum):
    """A number with a name."""

    RED = 3


_SUBCLASSES: list[tuple[Any, Any]] = [
    (Lying(2.5), 2.5),
    (Colour.RED, 3),
    (defaultdict(list, {1: [2]}), {1: [2]}),
    (OrderedDict(a=1), {"a": 1}),
    (Counter("aab"), {"a": 2, "b": 1}),
    ([Lying(1.0), 2.0], [1.0, 2.0]),
]


@pytest.mark.promise("earned keep")
@pytest.mark.parametrize(("value", "plain"), _SUBCLASSES)
def test_a_value_of_a_subclass_arrives_as_its_plain_type(value: Any, plain: Any) -> None:
    there = carried(value)
    assert alike(there, plain)


class Sub(np.ndarray[Any, Any]):
    """An array that could compute when it is looked at."""


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"),
        ([object()], "object"),
        (len, "builtin_function_or_method"),
        (float, "type"),
        (iter([]), "list_iterator"),
        (np.array([None]), "numpy.ndarray with dtype object"),
        (np.zeros(2).view(Sub), "Sub"),
        (np.zeros(2, dtype=[("a", "f8")]), "dtype"),
        (np.longdouble(1), "float128"),
        (ValueError("x"), "ValueError"),
    ],
)
def test_what_is_no_data_is_refused_by_the_name_of_its_type(value: Any, name: str) -> None:
    with pytest.raises(RefusedError, match=name):
        encode(value, no_reference)


def test_depth_is_bounded_both_ways() -> None:
    nested: list[Any] = []
    for _ in range(DEEPEST):
        nested = [nested]
    assert carried(nested) == nested
    with pytest.raises(RefusedError, match="nested more than"):
        encode([nested], no_reference)
    with pytest.raises(MalformedError, match="nested too deeply"):
        decode((b"l" + (1).to_bytes(8, "little")) * 10_000 + b"n", unknown)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nn",
        b"l" + b"\xff" * 8,
        b"L" + b"d" + b"\xff" * 8,
        b"s" + (4).to_bytes(8, "little") + b"abc",
        b"s" + (1).to_bytes(8, "little") + b"\xff",
        b"e" + (1).to_bytes(8, "little") + b"l" + bytes(8),
        b"d" + (2).to_bytes(8, "little") + b"n+n-",
        b"rt" + bytes(8) + b"n",
        b"as" + (2).to_bytes(8, "little") + b"|OC" + bytes(16),
        pickle.dumps(Colour.RED),
    ],
)
def test_malformed_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(data, unknown)


@pytest.mark.parametrize("make", [lambda: [0.5] * 1000, lambda: np.zeros(1000)])
def test_a_message_cut_short_is_refused_wherever_it_is_cut(make: Callable[[], Any]) -> None:
    whole = encode(make(), no_reference)
    for size in range(0, len(whole), 97):
        with pytest.raises(MalformedError):
            decode(whole[:size], unknown)
    gc.collect()
