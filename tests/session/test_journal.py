"""The journal against every edit and every cut."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from referee.session.errors import JournalError
from referee.session.journal import load

from tests.session.chains import LINES, written

Good = tuple[Path, list[bytes]]


Spoil = Callable[[bytes], JournalError | None]


FIXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    path = tmp_path_factory.mktemp("good") / "journal.jsonl"
    return path, written(path)


@pytest.fixture
def spoil(good: Good, tmp_path: Path) -> Spoil:
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


def test_every_single_changed_byte_is_noticed_and_named_by_line(good: Good, spoil: Spoil) -> None:
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
    good: Good,
    spoil: Spoil,
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
def test_a_removed_line_is_noticed_and_named(good: Good, spoil: Spoil, line: int) -> None:
    lines = good[1]
    assert f"line {line} does not follow" in str(spoil(b"".join(lines[: line - 1] + lines[line:])))


@pytest.mark.parametrize("line", range(1, LINES))
def test_swapped_lines_are_noticed_and_named(good: Good, spoil: Spoil, line: int) -> None:
    lines = list(good[1])
    lines[line - 1], lines[line] = lines[line], lines[line - 1]
    assert f"line {line} does not follow" in str(spoil(b"".join(lines)))


@pytest.mark.parametrize("kept", range(LINES))
@pytest.mark.parametrize("torn", [0, 1, 40])
def test_a_cut_end_is_noticed_and_the_last_line_named(good: Good, spoil: Spoil, kept: int, torn: int) -> None:
    lines = good[1]
    fault = spoil(b"".join(lines[:kept]) + lines[kept][:torn])
    assert f"ends at line {kept}, but head says that line {LINES} was written" in str(fault)


@pytest.mark.parametrize("extra", [b"\n", b"{}\n", b"null\n", b"[]\n", b"\0\n", b"\xff\n", b"[" * 100_000 + b"\n"])
def test_a_line_put_behind_is_noticed_and_named(good: Good, spoil: Spoil, extra: bytes) -> None:
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


def test_the_order_of_keys_is_part_of_what_is_signed(good: Good, spoil: Spoil) -> None:
    """The first metric is the primary one, so an order may not be changed behind its back."""
    first = json.loads(good[1][0])
    deep = first["data"].pop("deep")
    first["data"] = {"deep": deep, **first["data"]}
    line = json.dumps(first, separators=(",", ":")).encode() + b"\n"
    assert line != good[1][0]
    assert "line 1 was changed" in str(spoil(line + b"".join(good[1][1:])))
