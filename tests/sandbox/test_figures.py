"""How sizes and times read in what people are told."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.sandbox import figures

FACTORS = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "s": 1}


def _value(text: str) -> Fraction:
    number, unit = text.split()
    return Fraction(number) * FACTORS[unit]


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_two_sizes_read_alike_only_if_they_are(seen: int, allowed: int) -> None:
    texts = figures.sizes(seen, allowed)
    assert seen == allowed or texts[0] != texts[1]
    for text, value in zip(texts, (seen, allowed), strict=True):
        assert float(_value(text)) == pytest.approx(value, rel=0.06)
    assert seen == allowed or (_value(texts[0]) > _value(texts[1])) == (seen > allowed)


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_two_times_read_alike_only_if_they_are(seen: int, allowed: int) -> None:
    texts = figures.times(seen / 1000, allowed / 1000)
    assert _value(texts[1]) == Fraction(allowed, 1000)
    assert (_value(texts[0]) > _value(texts[1])) == (seen > allowed)
    assert seen == allowed or texts[0] != texts[1]


@pytest.mark.parametrize(
    ("seen", "allowed", "texts"),
    [
        (2.07, 2.0, ("2.1 s", "2 s")),
        (2.01, 2.0, ("2.01 s", "2 s")),
        (0.26, 0.25, ("0.3 s", "0.25 s")),
        (86401.0, 86400.0, ("86401.0 s", "86400 s")),
    ],
)
def test_times_have_as_many_digits_as_it_takes(seen: float, allowed: float, texts: tuple[str, str]) -> None:
    assert figures.times(seen, allowed) == texts


@pytest.mark.parametrize(
    ("seen", "allowed", "texts"),
    [
        (512_300_000, 512_000_000, ("512.3 MB", "512.0 MB")),
        (1_310_000_000, 10**9, ("1.31 GB", "1.00 GB")),
        (1_000_400_000, 10**9, ("1.0004 GB", "1.0000 GB")),
        (999, 16, ("999 bytes", "16 bytes")),
        (10**18 + 1, 10**18, ("1000000.000000000001 TB", "1000000.000000000000 TB")),
    ],
)
def test_sizes_have_as_many_digits_as_it_takes(seen: int, allowed: int, texts: tuple[str, str]) -> None:
    assert figures.sizes(seen, allowed) == texts
