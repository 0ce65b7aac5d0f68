"""The journal against every edit, every cut, and a disk that is full."""

import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from referee.session.errors import JournalError
from referee.session.journal import GENESIS, Journal, load

LINES = 6
FIXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def written(path: Path, lines: int = LINES) -> list[bytes]:
    """A journal with accents, floats and nesting, closed in order; its lines."""
    journal = Journal(path)
    for n in range(lines):
        journal.append("call", {"n": n, "é": 1e16 * n, "deep": {"b": [1, 2.5], "a": '\u00ff/"\\'}}, sync=n % 2 == 0)
    journal.close()
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    path = tmp_path_factory.mktemp("good") / "journal.jsonl"
    return path, written(path)


@pytest.fixture
def spoil(good: tuple[Path, list[bytes]], tmp_path: Path) -> Callable[[bytes], JournalError | None]:
    """Load other bytes in place of the good journal, beside its true head."""
    path = tmp_path / "journal.jsonl"
    (tmp_path / "head").write_bytes(good[0].with_name("head").read_bytes())

    def load_bytes(data: bytes) -> JournalError | None:
        path.write_bytes(data)
        try:
            load(path)
        except JournalError as fault:
            return fault
        return None

    return load_bytes


def test_every_single_changed_byte_is_noticed_and_named_by_line(
    good: tuple[Path, list[bytes]], spoil: Callable[[bytes], JournalError | None]
) -> None:
    """Three other values for every byte of the file: case flipped, a digit moved, a bit flipped."""
    whole = b"".join(good[1])
    for at, byte in enumerate(whole):
        for other in {byte ^ 0x20, byte ^ 0x01, 0x20} - {byte}:
            fault = spoil(whole[:at] + bytes([other]) + whole[at + 1 :])
            assert fault is not None, (at, whole[max(0, at - 20) : at + 20], other)
            line = whole[:at].count(b"\n") + 1
            named = re.search(r"line (\d+)", str(fault))
            assert named is not None
            assert int(named[1]) in {line, line - 1}, (fault, line)


@FIXED
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), insert=st.booleans())
@example(at=0, byte=0x20, insert=True)
def test_any_byte_put_in_or_replaced_is_noticed(
    good: tuple[Path, list[bytes]],
    spoil: Callable[[bytes], JournalError | None],
    at: int,
    byte: int,
    insert: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    whole = b"".join(good[1])
    at %= len(whole)
    changed = whole[:at] + bytes([byte]) + whole[at + (not insert) :]
    if changed != whole:
        assert spoil(changed) is not None


@pytest.mark.parametrize("line", range(1, LINES))
def test_a_removed_line_is_noticed_and_named(
    good: tuple[Path, list[bytes]], spoil: Callable[[bytes], JournalError | None], line: int
) -> None:
    lines = good[1]
    assert f"line {line} does not follow" in str(spoil(b"".join(lines[: line - 1] + lines[line:])))


@pytest.mark.parametrize("line", range(1, LINES))
def test_swapped_lines_are_noticed_and_named(
    good: tuple[Path, list[bytes]], spoil: Callable[[bytes], JournalError | None], line: int
) -> None:
    lines = list(good[1])
    lines[line - 1], lines[line] = lines[line], lines[line - 1]
    assert f"line {line} does not follow" in str(spoil(b"".join(lines)))


@pytest.mark.parametrize("kept", range(LINES))
@pytest.mark.parametrize("torn", [0, 1, 40])
def test_a_cut_end_is_noticed_and_the_last_line_named(
    good: tuple[Path, list[bytes]], spoil: Callable[[bytes], JournalError | None], kept: int, torn: int
) -> None:
    lines = good[1]
    fault = spoil(b"".join(lines[:kept]) + lines[kept][:torn])
    assert f"ends at line {kept}, but head says that line {LINES} was written" in str(fault)


@pytest.mark.parametrize("extra", [b"\n", b"{}\n", b"null\n", b"[]\n", b"\0\n", b"\xff\n", b"[" * 100_000 + b"\n"])
def test_a_line_put_behind_is_noticed_and_named(
    good: tuple[Path, list[bytes]], spoil: Callable[[bytes], JournalError | None], extra: bytes
) -> None:
    assert f"line {LINES + 1} is not a journal record" in str(spoil(b"".join(good[1]) + extra))


@pytest.mark.parametrize("head", [b"", b"garbage\n", b"0 0\n", b"9" * 5000 + b" x\n", b"\xff\xfe", None])
def test_a_head_that_was_removed_emptied_or_spoiled_is_noticed(tmp_path: Path, head: bytes | None) -> None:
    """Otherwise cutting the end would only take one more deletion."""
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    path.write_bytes(b"".join(lines[:3]))
    if head is None:
        (tmp_path / "head").unlink()
    else:
        (tmp_path / "head").write_bytes(head)
    with pytest.raises(JournalError, match="head"):
        load(path)


def test_an_untouched_journal_loads_and_verifies(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    loaded = load(path)
    assert [record.seq for record in loaded.records] == list(range(1, LINES + 1))
    assert loaded.torn == 0
    assert loaded.records[0].prev == GENESIS


@FIXED
@given(data=st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_whatever_json_is_recorded_comes_back_equal_and_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("any") / "journal.jsonl"
    journal = Journal(path)
    journal.append("call", data, sync=False)
    journal.close()
    (record,) = load(path).records
    assert json.dumps(record.data) == json.dumps(data)


def test_the_order_of_keys_is_part_of_what_is_signed(
    good: tuple[Path, list[bytes]], spoil: Callable[[bytes], JournalError | None]
) -> None:
    """The first metric is the primary one, so an order may not be changed behind its back."""
    first = json.loads(good[1][0])
    deep = first["data"].pop("deep")
    first["data"] = {"deep": deep, **first["data"]}
    line = json.dumps(first, separators=(",", ":")).encode() + b"\n"
    assert line != good[1][0]
    assert "line 1 was changed" in str(spoil(line + b"".join(good[1][1:])))


@pytest.mark.parametrize("torn", [1, 30, -1])
def test_a_torn_last_line_is_cut_away_said_and_the_chain_goes_on(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    rest = lines[0][:torn]
    with path.open("ab") as file:
        file.write(rest)
    assert load(path).torn == len(rest)
    journal = Journal(path)
    journal.append("call", {"after": "the crash"}, sync=True)
    journal.close()
    records = load(path).records
    assert [record.kind for record in records[LINES:]] == ["repaired", "call"]
    assert records[LINES].data == {"bytes_cut": len(rest)}
    assert records[LINES].prev == records[LINES - 1].hash


def test_a_first_line_that_was_torn_leaves_a_journal_that_can_still_be_opened(tmp_path: Path) -> None:
    """The first record must be the opening one, or no later start would find the session."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"seq":1,"time":"20')
    journal = Journal(path)
    journal.append("opened", {}, sync=True)
    journal.close()
    assert [record.kind for record in load(path).records] == ["opened"]


def test_reading_repairs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    with path.open("ab") as file:
        file.write(b'{"seq"')
    before = path.read_bytes()
    load(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_journal_that_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path, elsewhere = tmp_path / "journal.jsonl", tmp_path / "elsewhere"
    written(elsewhere)
    before = elsewhere.read_bytes()
    if kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(JournalError, match="not a plain file"):
        Journal(path)
    with pytest.raises(JournalError, match="not a plain file"):
        load(path)
    assert elsewhere.read_bytes() == before


def append_to(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"{}\n")


def truncate(path: Path) -> None:
    os.truncate(path, 10)


def replace(path: Path) -> None:
    path.with_name("copy").write_bytes(path.read_bytes())
    path.with_name("copy").replace(path)


def delete(path: Path) -> None:
    path.unlink()


def link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


@pytest.mark.parametrize("act", [append_to, truncate, replace, delete, link])
def test_another_process_at_an_open_journal_stops_the_next_record(tmp_path: Path, act: Callable[[Path], None]) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append("opened", {}, sync=True)
    act(path)
    with pytest.raises(JournalError, match="another process changed or replaced the journal"):
        journal.append("call", {}, sync=True)
    assert len(journal.records) == 1
    journal.close()


@contextmanager
def full_disk(room: int) -> Generator[None]:
    """No file of this process may grow beyond `room` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", [0, 1, 100, 500])
def test_a_full_disk_leaves_no_half_record_and_the_chain_goes_on_when_there_is_room(tmp_path: Path, room: int) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append("opened", {}, sync=True)
    before = path.read_bytes()
    with full_disk(len(before) + room), pytest.raises(JournalError, match="Free some space"):
        journal.append("call", {"text": "x" * 2000}, sync=True)
    assert path.read_bytes() == before
    assert len(journal.records) == 1
    journal.append("call", {"text": "now"}, sync=True)
    journal.close()
    assert [record.kind for record in load(path).records] == ["opened", "call"]


def test_a_writer_killed_at_any_moment_leaves_a_journal_that_goes_on(tmp_path: Path) -> None:
    """A process that appends as fast as it can is killed; what it said was written is there."""
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys; from pathlib import Path; from referee.session.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "while True: print(journal.append('call', {'x': 'y' * 3000}, sync=False).seq, flush=True)\n"
    )
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        with writer.stdout:
            said = [int(writer.stdout.readline()) for _ in range(25)][-1]
            writer.kill()
            writer.wait(10)
        assert len(load(path).records) >= said


def test_the_journal_and_its_head_are_closed_to_other_users(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    before = os.umask(0)
    try:
        written(path)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(place.stat().st_mode) for place in (path, tmp_path / "head")} == {0o600}


def test_only_what_is_synced_moves_the_head_so_that_a_power_cut_is_no_tampering(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append("opened", {}, sync=True)
    safe = path.read_bytes()
    journal.append("call", {}, sync=False)
    (copy := tmp_path / "later").mkdir()
    (copy / "journal.jsonl").write_bytes(safe)
    (copy / "head").write_bytes((tmp_path / "head").read_bytes())
    assert len(load(copy / "journal.jsonl").records) == 1
    journal.close()
