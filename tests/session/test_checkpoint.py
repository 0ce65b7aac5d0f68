"""A checkpoint shortens a start and nothing else: what it says is believed only as far as the journal bears it out."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from referee.session import checkpoint
from referee.session.errors import JournalError
from referee.session.fold import fold
from referee.session.integrity import Integrity
from referee.session.journal import GENESIS, Journal, Prefix, Record, digest, load
from referee.session.scanning import scan
from referee.session.state import State, Trials
from referee.session.verify_checkpoints import check_checkpoints

from tests.finished import Finished, found


def _keep(done: Finished) -> Path:
    """Write a checkpoint behind the whole journal, as a long session does, and go on for one record."""
    loaded = load(done.journal)
    state = fold(loaded.records)
    assert state is not None
    journal = Journal(done.journal, loaded)
    named = checkpoint.write(done.home, state, journal.prefix)
    journal.append(checkpoint.KIND, {"sha256": named}, sync=True)
    journal.append("edited", {"blob": state.trials[2].blob, "via": "content"}, sync=True)
    journal.close()
    (path,) = done.home.glob("checkpoint-*.json")
    return path


def _whole(done: Finished) -> State | None:
    return fold(load(done.journal).records)


@pytest.mark.promise("nothing lost")
def test_a_start_from_a_checkpoint_has_the_state_of_the_whole_journal_and_reads_only_what_came_after(
    done: Finished,
) -> None:
    _keep(done)
    loaded, state = checkpoint.load(done.home)
    assert [record.kind for record in loaded.records] == ["checkpoint", "edited"]
    assert (loaded.lines, loaded.head) == (len(done.records), done.records[-1]["hash"])
    assert state == _whole(done)
    assert state is not None
    assert state.draft == state.trials[2].blob


def test_a_checkpoint_behind_any_record_gives_the_state_that_folding_gives(done: Finished) -> None:
    records = load(done.journal).records
    for end in range(1, len(records) + 1):
        state = fold(records[:end])
        assert state is not None
        path = done.home / f"checkpoint-{end:012d}.json"
        checkpoint.write(done.home, state, Prefix(end, 0, records[end - 1].hash, ""))
        held = json.loads(path.read_bytes())["state"]
        assert checkpoint.restored(done.journal, held) == state
        path.unlink()


def test_a_journal_goes_on_behind_a_checkpoint_as_behind_its_lines(done: Finished) -> None:
    _keep(done)
    loaded, _ = checkpoint.load(done.home)
    journal = Journal(done.journal, loaded)
    journal.append("edited", {"blob": "b", "via": "content"}, sync=True)
    said = journal.prefix
    journal.close()
    again = load(done.journal)
    assert (said.lines, said.head, said.sha256) == (again.lines, again.head, again.sum.hexdigest())
    assert scan(done.journal).chain.findings == []


def _other_best(path: Path) -> None:
    held = json.loads(path.read_bytes())
    held["state"]["best"] = 2
    path.write_text(json.dumps(held, separators=(",", ":")), encoding="ascii")


def _no_json(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _of_another_version(path: Path) -> None:
    held = json.loads(path.read_bytes())
    del held["state"]["unfinished"]
    path.write_text(json.dumps(held, separators=(",", ":")), encoding="ascii")


def _link(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("harm", [_other_best, _no_json, _of_another_version, _link, Path.unlink])
@pytest.mark.promise("whole log")
def test_a_checkpoint_that_is_not_the_one_that_the_journal_names_is_not_believed(
    done: Finished, harm: Callable[[Path], Any]
) -> None:
    harm(_keep(done))
    loaded, state = checkpoint.load(done.home)
    assert len(loaded.records) == len(done.records)
    assert state == _whole(done)


def test_a_checkpoint_that_no_record_names_is_not_believed(done: Finished) -> None:
    """As a server leaves it that is killed between the two."""
    loaded = load(done.journal)
    state = fold(loaded.records)
    assert state is not None
    state.best = 2
    journal = Journal(done.journal, loaded)
    checkpoint.write(done.home, state, journal.prefix)
    journal.append("edited", {"blob": "b", "via": "content"}, sync=True)
    journal.close()
    _, found_state = checkpoint.load(done.home)
    assert found_state == _whole(done)


def test_a_line_that_was_changed_before_a_checkpoint_is_named(done: Finished) -> None:
    _keep(done)
    lines = done.journal.read_bytes().split(b"\n")
    line = done.line_of("decided", trial=1)
    lines[line - 1] = lines[line - 1].replace(b'"keep"', b'"kept"')
    done.journal.write_bytes(b"\n".join(lines))
    with pytest.raises(JournalError, match=f"line {line} was changed"):
        checkpoint.load(done.home)


def test_a_power_cut_that_took_what_came_after_a_checkpoint_leaves_what_was_on_the_disk(done: Finished) -> None:
    _keep(done)
    lines = done.journal.read_bytes().splitlines(keepends=True)
    done.journal.write_bytes(b"".join(lines[:-2]))
    kept = json.loads(lines[-3])
    (done.home / "head").write_text(f"{kept['seq']:012d} {kept['hash']}\n", encoding="ascii")
    loaded, state = checkpoint.load(done.home)
    assert loaded.head == kept["hash"]
    assert state == _whole(done)


@pytest.mark.promise("whole log")
def test_a_forged_checkpoint_with_a_forged_record_is_found_by_an_audit(done: Finished) -> None:
    """Whoever computes the end of the chain anew can make a start believe it; not someone who reads the whole."""
    path = _keep(done)
    _other_best(path)
    records = done.records
    named = next(record for record in records if record["kind"] == "checkpoint")
    named["data"]["sha256"] = checkpoint.read(path).sha256
    prev = GENESIS
    for record in records:
        del record["hash"]
        record["prev"] = prev
        prev = record["hash"] = digest(record)
    lines = (json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    done.journal.write_text("".join(lines), encoding="ascii")
    (done.home / "head").write_text(f"{len(records):012d} {prev}\n", encoding="ascii")
    _, state = checkpoint.load(done.home)
    assert state is not None
    assert state.best == 2
    assert "checkpoints" in found(done.verified())


def test_a_checkpoint_of_another_version_is_neither_used_nor_a_finding(done: Finished) -> None:
    path = _keep(done)
    held = json.loads(path.read_bytes())
    path.write_text(json.dumps(held | {"form": "another"}), encoding="ascii")
    loaded, state = checkpoint.load(done.home)
    assert loaded.records[0].kind == "opened"
    assert state == _whole(done)
    checked = check_checkpoints(done.home, load(done.journal).records)
    assert checked.findings == []
    assert checked.covers == "0 named by the journal; 1 of another version, not used"


def test_what_a_running_server_remembers_is_what_it_reads_back(done: Finished) -> None:
    """It folds what it measured before that is text, tuples and names of levels among it."""

    def live(record: Record) -> Record:
        if record.kind != "trial_measured":
            return record
        measured = {**record.data["measurement"], "level": Integrity.MEASURED, "channels": ("a", "b")}
        return replace(record, data={**record.data, "measurement": measured})

    records = [live(record) for record in load(done.journal).records]
    state = fold(records)
    assert state is not None
    assert state.trials[1].measurement["channels"] == ["a", "b"]
    assert type(state.trials[1].measurement["level"]) is str
    packed = Trials.load(state.trials.dump())
    assert packed == state.trials
    assert repr([*packed.values()]) == repr([*state.trials.values()])
