"""The cache of baselines: found on the same ground only, and whole or not at all."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.session.baseline_cache import FOLDER, key, load, store

GROUND: dict[str, Any] = {
    "contract_digest": "c",
    "tree": "t",
    "target_blob": "b",
    "argv": ("/usr/bin/python3", "run.py"),
    "pins": {"/data": "p"},
    "env": {"SEED": "e"},
    "backend": "bubblewrap",
}
OTHER: dict[str, Any] = {
    "contract_digest": "d",
    "tree": "u",
    "target_blob": "c",
    "argv": ("/usr/bin/python3", "run.py", "-v"),
    "pins": {"/data": "q"},
    "env": {"SEED": "f"},
    "backend": "landlock",
}
MEASUREMENT = {"outcome": "ok", "metrics": {"loss": 0.1}, "seconds": 1.5}


def changed(**parts: Any) -> str:
    """The key of a ground that differs in these parts."""
    return key(**(GROUND | parts))


def test_what_is_stored_is_found_again(tmp_path: Path) -> None:
    store(tmp_path, key(**GROUND), MEASUREMENT, b"loss: 0.1\n\xff")
    found = load(tmp_path, key(**GROUND))
    assert found is not None
    assert found.measurement == MEASUREMENT
    assert found.log == b"loss: 0.1\n\xff"


@pytest.mark.parametrize("part", GROUND)
def test_a_difference_in_any_part_of_the_ground_finds_nothing(part: str, tmp_path: Path) -> None:
    store(tmp_path, key(**GROUND), MEASUREMENT, b"")
    assert load(tmp_path, changed(**{part: OTHER[part]})) is None


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=4), st.lists(st.text(), max_size=4))
def test_two_commands_never_share_a_key(first: list[str], second: list[str]) -> None:
    same = changed(argv=first) == changed(argv=second)
    assert same == (first == second)


def test_the_order_of_pins_does_not_matter() -> None:
    pins = {"/a": "1", "/b": "2"}
    assert changed(pins=pins) == changed(pins=dict(reversed(pins.items())))


@pytest.mark.parametrize("suffix", [".json", ".log"])
@pytest.mark.parametrize("damage", [b"", b"[]", b"null", b"{}", b"\xff\xfe"])
def test_a_damaged_entry_is_no_entry(suffix: str, damage: bytes, tmp_path: Path) -> None:
    store(tmp_path, key(**GROUND), MEASUREMENT, b"log")
    (tmp_path / FOLDER / (key(**GROUND) + suffix)).write_bytes(damage)
    assert load(tmp_path, key(**GROUND)) is None


def test_an_entry_copied_to_another_key_is_no_entry(tmp_path: Path) -> None:
    store(tmp_path, key(**GROUND), MEASUREMENT, b"log")
    other = key(**OTHER)
    for suffix in (".json", ".log"):
        (tmp_path / FOLDER / (key(**GROUND) + suffix)).rename(tmp_path / FOLDER / (other + suffix))
    assert load(tmp_path, other) is None


def test_old_entries_make_room_for_new_ones(tmp_path: Path) -> None:
    for number in range(20):
        store(tmp_path, changed(tree=str(number)), MEASUREMENT, b"")
    left = list((tmp_path / FOLDER).iterdir())
    assert len(left) <= 16
    assert load(tmp_path, changed(tree="19")) is not None
