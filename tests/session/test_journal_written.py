"""What is recorded comes back, whatever kills the writer, fills the disk or tears a line."""

import json
import os
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referee.session.errors import JournalError
from referee.session.journal import GENESIS, Journal, load

from tests.session.chains import LINES, written

FIXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


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
    assert journal.lines == 1
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
    assert journal.lines == 1
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
            writer.wait(60)
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
