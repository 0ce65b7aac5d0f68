"""Pinned files are known by their content; identities only save the time to read them again."""

import mmap
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from referee.session import hashes, places
from referee.session.pins import Pins
from referee.session.trees import Place

from tests.session.mischief import to_folder, to_link, to_nothing, to_pipe, to_socket
from tests.session.pythons import flip, wait_until_settled


@pytest.fixture
def hashed(tmp_path: Path) -> Path:
    """No hashes from other tests: here it counts what was hashed before."""
    (tmp_path / "hashed").mkdir()
    return tmp_path / "hashed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, a folder in it, and links."""
    place = tmp_path / "data"
    (place / "deep").mkdir(parents=True)
    (place / "a.csv").write_text("1\n", encoding="utf-8")
    (place / "deep" / "b.csv").write_text("2\n", encoding="utf-8")
    (place / "inner").symlink_to("deep")
    return place


def pinned(*places_: Path) -> Pins:
    """Pins of these places, taken."""
    pins = Pins(tuple(map(str, places_)))
    pins.take()
    return pins


def cache() -> Path:
    """The one file of cached hashes."""
    (path,) = (places.state_root() / hashes.FOLDER).iterdir()
    return path


def test_nothing_has_moved_where_nothing_was_done(folder: Path) -> None:
    pins = pinned(folder)
    assert pins.moved() == pins.moved() == pins.moved(fully=True) == []


@pytest.mark.parametrize("act", [to_nothing, to_link, to_pipe, to_folder, to_socket])
def test_a_file_that_became_something_else_is_named(folder: Path, act: Callable[[Path], None]) -> None:
    pins = pinned(folder)
    act(folder / "deep" / "b.csv")
    assert pins.moved() == pins.moved() == [str(folder / "deep" / "b.csv")]


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("put_back", [False, True])
def test_one_byte_is_named_and_forgotten_when_it_is_put_back(folder: Path, settled: bool, put_back: bool) -> None:  # noqa: FBT001 - a case
    if settled:
        wait_until_settled(folder)
    pins = pinned(folder)
    flip(folder / "a.csv", put_back=put_back)
    assert pins.moved() == [str(folder / "a.csv")]
    flip(folder / "a.csv", put_back=put_back)
    assert pins.moved() == []


@pytest.mark.parametrize("settled", [False, True])
def test_what_is_added_is_named(folder: Path, settled: bool) -> None:  # noqa: FBT001 - a case
    if settled:
        wait_until_settled(folder)
    pins = pinned(folder)
    assert pins.moved() == []
    (folder / "deep" / "new.pyc").write_bytes(b"")
    assert pins.moved() == [str(folder / "deep" / "new.pyc")]


def test_the_execution_bit_counts_and_other_bits_do_not(folder: Path) -> None:
    pins = pinned(folder)
    (folder / "a.csv").chmod(0o600)
    assert pins.moved() == []
    (folder / "a.csv").chmod(0o700)
    assert pins.moved() == [str(folder / "a.csv")]


def test_a_file_that_a_link_leads_to_is_pinned_with_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text("1\n", encoding="utf-8")
    (folder / "link.csv").symlink_to("../elsewhere.csv")
    pins = pinned(folder)
    flip(tmp_path / "elsewhere.csv", put_back=True)
    assert pins.moved() == [str(folder / "link.csv")]


def test_a_whole_folder_that_is_swapped_for_a_copy_is_read_again_and_has_not_moved(folder: Path) -> None:
    pins = pinned(folder)
    shutil.copytree(folder, folder.with_name("copy"), symlinks=True)
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)
    assert pins.moved() == []


def test_a_file_that_can_be_written_through_a_mapping_is_read_every_time(folder: Path) -> None:
    with (folder / "a.csv").open("r+b") as file, mmap.mmap(file.fileno(), 2) as mapping:
        mapping[0:1] = b"3"
        wait_until_settled(folder)
        pins = pinned(folder)
        before = os.stat(folder / "a.csv").st_ctime_ns
        mapping[0:1] = b"4"
        assert os.stat(folder / "a.csv").st_ctime_ns == before
        assert pins.moved() == [str(folder / "a.csv")]


def test_a_second_opening_takes_the_hashes_of_the_first_and_a_full_one_does_not(folder: Path) -> None:
    wait_until_settled(folder)
    first = Pins((str(folder),)).take()
    known = hashes.load(Place(str(folder)))
    assert set(known) == {str(folder), *(str(place) for place in folder.rglob("*"))}
    hashes.store(Place(str(folder)), {name: (one, "0") for name, (one, _) in known.items()})
    assert Pins((str(folder),)).take() != first
    assert Pins((str(folder),)).take(fully=True) == first


def test_no_hash_of_a_file_that_changed_just_now_is_kept(folder: Path) -> None:
    wait_until_settled(folder)
    flip(folder / "a.csv")
    pinned(folder)
    assert str(folder / "deep" / "b.csv") in hashes.load(Place(str(folder)))
    assert str(folder / "a.csv") not in hashes.load(Place(str(folder)))


@pytest.mark.parametrize("put_back", [False, True])
def test_a_kept_hash_is_not_taken_for_a_file_that_changed_since(folder: Path, put_back: bool) -> None:  # noqa: FBT001 - a case
    wait_until_settled(folder)
    first = Pins((str(folder),)).take()
    flip(folder / "a.csv", put_back=put_back)
    assert Pins((str(folder),)).take() != first


def test_kept_hashes_are_private_and_those_that_others_may_write_count_as_none(folder: Path) -> None:
    wait_until_settled(folder)
    pinned(folder)
    assert cache().stat().st_mode & 0o777 == 0o600
    assert cache().parent.stat().st_mode & 0o777 == 0o700
    cache().chmod(0o620)
    assert hashes.load(Place(str(folder))) == {}


def test_damaged_hashes_count_as_none(folder: Path) -> None:
    wait_until_settled(folder)
    first = Pins((str(folder),)).take()
    for damage in (b"", b"\n", b"x" * 64 + b"\n{}", b"\xff\xfe", b"{}\n{}"):
        cache().write_bytes(damage)
        assert Pins((str(folder),)).take() == first, damage


def test_any_byte_of_the_kept_hashes_that_is_changed_makes_them_none(folder: Path) -> None:
    wait_until_settled(folder)
    pinned(folder)
    whole = cache().read_bytes()
    for at in range(0, len(whole), 7):
        cache().write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert hashes.load(Place(str(folder))) == {}


def test_a_state_folder_that_cannot_be_written_costs_only_time(folder: Path) -> None:
    places.state_root().mkdir(parents=True, exist_ok=True)
    (places.state_root() / hashes.FOLDER).write_text("in the way", encoding="utf-8")
    wait_until_settled(folder)
    assert pinned(folder).moved() == []
