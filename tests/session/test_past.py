"""Trials that finished long ago take little room and are read as they were."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referee.session import dead_ends
from referee.session.dead_ends import Group, Groups
from referee.session.past import CHUNK, LIVE, Trials
from referee.session.state import Decision, Trial

MANY = 3 * CHUNK + LIVE + 5
TEXT = st.text(max_size=20)
JSON = st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.booleans(), st.lists(TEXT, max_size=3)), max_size=3)


def trial(number: int, **more: Any) -> Trial:
    """A decided trial with its row."""
    words: dict[str, Any] = {
        "blob": f"{number:040x}",
        "tree": f"{number + 1:040x}",
        "parent": "p" * 40,
        "description": f"idea {number}",
    }
    known: Mapping[str, Any] = {"row": f"row {number}", "decision": Decision.DISCARD, "metrics": {"loss": number / 7}}
    return Trial(number, limit=60.0, started=number * 1.5, **{**words, **known, **more})


def trials(count: int) -> tuple[Trials, dict[int, Trial]]:
    """So many trials, packed as far as may be, and the same as a plain table."""
    packed = Trials()
    for number in range(count):
        packed[number] = trial(number)
        packed.pack(())
    return packed, {number: trial(number) for number in range(count)}


def test_only_whole_chunks_before_the_last_trials_are_packed() -> None:
    packed, _ = trials(CHUNK + LIVE - 1)
    assert not packed.packed
    packed[len(packed)] = trial(len(packed))
    packed.pack(())
    assert [*packed.live] == [*range(CHUNK, CHUNK + LIVE)]


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + LIVE, MANY])
def test_packed_trials_are_the_table_that_they_were(count: int) -> None:
    packed, plain = trials(count)
    assert packed == plain
    assert [*packed] == [*plain]
    assert [*packed.values()] == [*plain.values()]
    assert [*packed.latest()] == [*plain.values()][::-1]
    assert [*reversed(packed)] == [*plain][::-1]
    assert len(packed) == len(plain)
    assert Trials.load(packed.dump()) == plain


@pytest.mark.parametrize("number", [-1, MANY, 10**30])
def test_a_trial_that_does_not_exist_is_not_found(number: int) -> None:
    packed, _ = trials(MANY)
    assert number not in packed
    assert packed.get(number) is None
    with pytest.raises(KeyError):
        packed.open(number)


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        trial,
        st.just(3),
        description=TEXT,
        row=st.none() | TEXT,
        lesson=st.none() | TEXT,
        reason=TEXT,
        decision=st.none() | st.sampled_from(Decision),
        metrics=st.dictionaries(TEXT, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
        measurement=JSON,
        lasting=JSON,
        costs=st.dictionaries(TEXT, st.floats(0, 1e6), max_size=2),
        cost_usd=st.none() | st.floats(0, 1e6),
        seconds=st.floats(0, 1e9),
        peak_memory_bytes=st.integers(0, 2**60),
        worded=st.booleans(),
    )
)
def test_every_value_of_a_trial_reads_back_as_it_was(odd: Trial) -> None:
    packed, plain = trials(CHUNK + LIVE - 1)
    packed[3] = plain[3] = odd
    packed[len(packed)] = plain[len(plain)] = trial(len(plain))
    packed.pack(())
    assert 3 not in packed.live
    assert repr(packed[3]) == repr(odd)
    assert packed == plain


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, MANY - 1), TEXT), max_size=8), st.sets(st.integers(0, MANY - 1), max_size=3))
def test_a_packed_trial_that_is_opened_and_changed_stays_changed(
    changes: list[tuple[int, str]], unfinished: set[int]
) -> None:
    packed, plain = trials(MANY)
    for number, lesson in changes:
        packed.open(number).lesson = plain[number].lesson = lesson
        packed.pack(unfinished)
    assert packed == plain
    assert [*packed] == [*plain]


def test_an_unfinished_trial_stays_as_it_is_with_all_that_come_after() -> None:
    packed = Trials({number: trial(number) for number in range(MANY)})
    packed.pack({CHUNK + 1})
    assert [*packed.live] == [*range(CHUNK, MANY)]
    packed.pack(())
    assert len(packed.live) < CHUNK + LIVE


def test_trials_may_be_removed_and_set_whether_they_are_packed_or_not() -> None:
    packed, plain = trials(MANY)
    for number in (MANY - 1, 2):
        del packed[number], plain[number]
        assert packed == plain
    packed[0] = plain[0] = trial(0, lesson="another")
    assert packed == plain
    packed.clear()
    assert not packed


@pytest.mark.parametrize("broken", [[], ["!"], ["AAAA"], None])
def test_what_is_no_dump_is_refused(broken: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Trials.load(broken)


def test_ten_thousand_trials_take_few_bytes_each() -> None:
    """Hashes that no compression makes smaller, and words of a usual length."""
    chance = random.Random(7)  # noqa: S311 - any numbers do
    packed = Trials()
    for number in range(10_000):
        oids = {name: f"{chance.getrandbits(160):040x}" for name in ("blob", "tree", "parent", "commit")}
        words = " ".join(chance.choice(["wider", "deeper", "colder", "rate 3e-4"]) for _ in range(8))
        packed[number] = trial(number, **oids, description=words, row=words, reason=words)
        packed.pack(())
    assert sum(map(len, packed.packed)) / len(packed) < 250


def test_beyond_a_thousand_groups_every_trial_is_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_ends, "MOST", 10)
    groups = Groups(higher=False)
    for number in range(200):
        groups.add("often" if number % 3 == 0 else f"once {number}", number, float(number))
    first, *others = groups.largest()
    assert first == Group("often", 67, [186, 189, 192, 195, 198], 0.0)
    assert len(others) < 10
    assert groups.beyond(1) == 200 - 67
