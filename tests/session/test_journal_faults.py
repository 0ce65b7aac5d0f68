"""A disk that fails under the journal: what could not be written does not exist, and what was written stays."""

import errno
import os
from pathlib import Path

import pytest
from referee.session.errors import JournalError
from referee.session.journal import Journal, load


def failing(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_head_that_cannot_be_noted_breaks_no_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("opened", {}, sync=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", failing)
        journal.append("call", {"n": 1}, sync=True)
    assert len(load(journal.path).records) == 2
    journal.append("call", {"n": 2}, sync=True)
    journal.close()
    assert [record.seq for record in load(journal.path).records] == [1, 2, 3]


def test_half_a_line_that_cannot_be_cut_is_the_disks_fault_and_is_cut_once_that_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that turns read-only: neither is it tampering, nor does the record come back later."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("opened", {}, sync=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        patch.setattr(os, "ftruncate", failing)
        for _ in range(2):
            with pytest.raises(JournalError, match=r"Input/output error.*mend the disk"):
                journal.append("call", {"n": "never"}, sync=True)
    journal.append("call", {"n": "later"}, sync=True)
    journal.close()
    assert [record.data for record in load(journal.path).records] == [{}, {"n": "later"}]


def test_a_server_killed_between_its_first_record_and_the_head_leaves_a_journal_that_goes_on(tmp_path: Path) -> None:
    """Also where the next one is killed before it syncs anything."""
    path = tmp_path / "journal.jsonl"
    Journal(path).append("opened", {}, sync=True)
    path.with_name("head").unlink()
    Journal(path).append("resumed", {}, sync=False)  # killed: never closed
    assert [record.kind for record in load(path).records] == ["opened", "resumed"]
    again = Journal(path)
    again.append("resumed", {}, sync=False)
    again.close()
    assert len(load(path).records) == 3
