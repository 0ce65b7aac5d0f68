"""`audit --verify` from inside: every way to touch the journal of a finished session is noticed, and named."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referee.session.loop import Call, Loop
from referee.session.scanning import scan
from referee.session.session import Change

from tests.conftest import MakeProject
from tests.finished import TAG, Finished, found
from tests.projects import git

_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file but the lock, with when it was written and what it holds."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def _metric(done: Finished, trial: int, value: float) -> None:
    """The forgery that a cheat would want most: another number, everywhere in the record of one trial."""

    def change(records: list[dict[str, Any]]) -> None:
        for record in records:
            if record["kind"] == "trial_measured" and record["data"]["trial"] == trial:
                record["data"]["measurement"] |= {"metrics": {"loss": value}, "runs": [{"loss": value}]}

    done.forge(change)


def test_an_untouched_session_passes_every_check(done: Finished) -> None:
    verified = done.verified()
    assert found(verified) == {}
    passed = [check.name for check in verified.checks if check.ok and not check.unchecked]
    assert " ".join(passed) == "chain head steps verdicts budget commits refs branch rows"


def test_verifying_writes_nothing(done: Finished) -> None:
    before = _files(done.home), _files(done.repo)
    done.verified()
    assert (_files(done.home), _files(done.repo)) == before


@pytest.mark.anyio
async def test_a_session_with_a_running_trial_passes_beside_its_server(
    make_project: MakeProject, home_of: Callable[[Path], Path]
) -> None:
    folder = make_project({"run.sh": 'echo loss: 3\n[ -z "$SLOW" ] || sleep 60\n'})
    async with Loop(folder, TAG) as loop:
        await loop.run(Call("run_eval"), "baseline", 60)
        slow = Change(content="echo loss: 2\nsleep 60\n")
        await loop.write(Call("edit_target"), lambda session: session.edit(slow))
        await loop.run(Call("run_eval"), "slow", 0)
        verified = await anyio.to_thread.run_sync(Finished(folder, home_of(folder)).verified)
    assert found(verified) == {}
    assert verified.held_by == str(os.getpid())
    assert found(Finished(folder, home_of(folder)).verified()) == {}


def test_a_half_written_last_line_is_said_and_not_held_against_anyone(done: Finished) -> None:
    with done.journal.open("ab") as file:
        file.write(b'{"seq":')
    verified = done.verified()
    assert found(verified) == {}
    assert "7 bytes of a half-written line" in verified.checks[0].covers


@_QUICK
@given(choice=st.data())
@pytest.mark.promise("whole log")
def test_any_changed_byte_is_noticed_and_its_line_named(done: Finished, choice: st.DataObject) -> None:
    raw = (done.home / "journal.jsonl").read_bytes()
    place = done.home / "other" / "journal.jsonl"
    place.parent.mkdir(exist_ok=True)
    at = choice.draw(st.integers(0, len(raw) - 2))
    byte = choice.draw(st.integers(0, 255).filter(lambda byte: byte != raw[at]))
    place.write_bytes(raw[:at] + bytes([byte]) + raw[at + 1 :])
    line = raw[:at].count(b"\n") + 1
    findings = scan(place).chain.findings
    assert findings
    assert findings[0].startswith(f"journal line {line} ")


def test_a_changed_metric_is_named_by_line_and_by_trial(done: Finished) -> None:
    line = done.line_of("trial_measured", trial=4)
    lines = done.journal.read_bytes().split(b"\n")
    lines[line - 1] = lines[line - 1].replace(b'"metrics":{"loss":2.5}', b'"metrics":{"loss":1.5}')
    done.journal.write_bytes(b"\n".join(lines))
    verified = done.verified()
    assert found(verified)["chain"] == [
        f"journal line {line} ('trial_measured') was changed after it was written: its hash is not that of its content"
    ]
    assert "taken as they stand" in verified.checks[0].unchecked
    assert any("trial 4" in said and "Referee-Metric: loss=1.5" in said for said in found(verified)["commits"])


@pytest.mark.promise("whole log")
def test_a_metric_changed_with_the_whole_chain_computed_anew_is_named(done: Finished) -> None:
    _metric(done, 4, 1.5)
    findings = found(done.verified())
    assert "chain" not in findings
    assert any("trial 4" in said and "loss=1.5" in said for said in findings["commits"])
    assert any("trial 5" in said and "Referee-Journal" in said for said in findings["commits"])
    assert any(said.startswith("results.tsv line 6: found") for said in findings["rows"])


@pytest.mark.promise("whole log")
def test_records_cut_off_at_the_end_are_noticed_by_the_head_file(done: Finished) -> None:
    lines = done.journal.read_bytes().splitlines(keepends=True)
    done.journal.write_bytes(b"".join(lines[:-9]))
    assert found(done.verified())["head"] == [
        f"the journal ends with record {len(lines) - 9}, but record {len(lines)} was written: it was cut off"
    ]


def test_records_cut_off_with_the_head_file_made_to_agree_leave_refs_and_rows_behind(done: Finished) -> None:
    start = done.line_of("trial_started", trial=5)
    done.forge(lambda records: records.__delitem__(slice(start - 1, None)))
    findings = found(done.verified())
    assert set(findings) == {"refs", "rows"}
    assert any(f"refs/referee/{TAG}/trials/5 points at" in said for said in findings["refs"])
    assert any("has more lines than the journal gives: 7 instead of 6" in said for said in findings["rows"])


@pytest.mark.promise("whole log")
def test_two_swapped_lines_are_both_named(done: Finished) -> None:
    lines = done.journal.read_bytes().splitlines(keepends=True)
    lines[9], lines[10] = lines[10], lines[9]
    done.journal.write_bytes(b"".join(lines))
    findings = found(done.verified())["chain"]
    assert [said.split(" (")[0] for said in findings[:2]] == ["journal line 10", "journal line 11"]
    assert all("removed, added or reordered" in said for said in findings)


def test_a_record_taken_out_of_the_middle_is_named_by_what_follows_it(done: Finished) -> None:
    lines = done.journal.read_bytes().splitlines(keepends=True)
    done.journal.write_bytes(b"".join(lines[:9] + lines[10:]))
    (finding,) = found(done.verified())["chain"]
    assert finding.startswith("journal line 10 ")
    assert "holds record 11 after record 9" in finding


def test_a_line_that_is_no_record_leaves_what_stands_before_it_checked(done: Finished) -> None:
    line = done.line_of("trial_started", trial=3)
    lines = done.journal.read_bytes().split(b"\n")
    lines[line - 1] = b"\x1b[2Jgarbage"
    done.journal.write_bytes(b"\n".join(lines))
    git(done.repo, "update-ref", f"refs/referee/{TAG}/trials/1", "HEAD")
    verified = done.verified()
    checks = {check.name: check for check in verified.checks}
    assert f"journal line {line} is not a journal record" in checks["chain"].findings[0]
    assert checks["chain"].unchecked == f"nothing from line {line} on can be read as a record"
    assert checks["commits"].covers.startswith("3 commits")
    assert [said for said in checks["refs"].findings if "trials/1 points" in said]
    assert checks["branch"].unchecked
    assert checks["rows"].unchecked
    assert not any("\x1b" in said for check in verified.checks for said in check.findings)


def test_a_journal_damaged_in_its_first_line_is_still_found_and_named(done: Finished) -> None:
    raw = done.journal.read_bytes()
    done.journal.write_bytes(b"x" + raw[1:])
    assert found(done.verified())["chain"][0].startswith("journal line 1 is not a journal record")


def test_a_journal_that_is_gone_is_a_finding(done: Finished) -> None:
    done.journal.unlink()
    assert found(done.verified())["chain"] == [f"{done.journal} holds no record"]


@pytest.mark.parametrize("text", ["", "nonsense\n", "1 2 3\n"])
def test_a_head_file_that_says_nothing_is_a_finding(done: Finished, text: str) -> None:
    (done.home / "head").write_text(text, encoding="ascii")
    assert "missing or says nothing" in found(done.verified())["head"][0]


def test_a_chain_written_anew_is_another_one_than_the_head_file_names(done: Finished) -> None:
    head = (done.home / "head").read_bytes()
    _metric(done, 2, 8.0)
    (done.home / "head").write_bytes(head)
    assert "the journal was written anew" in found(done.verified())["head"][0]


_VALUES: list[Any] = [None, True, -1, 1 << 70, 1e308, "", "x\n y\x1b", [], {}, [[]], {"loss": "NaN"}]


_ODD = st.sampled_from(_VALUES)


@settings(_QUICK, max_examples=30)
@given(choice=st.data())
def test_a_forged_record_of_any_form_is_a_finding_and_never_a_fault(done: Finished, choice: st.DataObject) -> None:
    """Only what follows the last commit is carried by no other object, see the edge in `verify`."""
    last = done.line_of("trial_measured", trial=5)
    original = done.journal.read_bytes(), (done.home / "head").read_bytes()
    kinds = {"opened", "trial_started", "trial_measured", "decided", "row"}
    records = [index for index, record in enumerate(done.records) if record["kind"] in kinds]
    forged = choice.draw(st.sampled_from(records))

    def change(all_records: list[dict[str, Any]]) -> None:
        data = all_records[forged]["data"]
        key = choice.draw(st.sampled_from(sorted(data)))
        odd = choice.draw(_ODD.filter(lambda value: value != data[key]))
        data[key] = odd

    done.forge(change)
    try:
        assert found(done.verified()) or forged + 1 >= last
    finally:
        done.journal.write_bytes(original[0])
        (done.home / "head").write_bytes(original[1])
