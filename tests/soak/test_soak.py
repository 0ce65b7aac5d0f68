"""The soak itself: it finds nothing in a sound session, and finds each kind of damage that it is there to find."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak import books, report
from tests.soak.findings import DOUBLE, LOST, SURVIVORS, WRONG, Finding, Tally
from tests.soak.night import Night
from tests.soak.player import seeded
from tests.soak.scene import Scene
from tests.soak.world import World

KILLS = 6


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A repository and a state folder on one ground."""
    monkeypatch.setenv("REFEREE_STATE_DIR", str(tmp_path / "state"))
    return World(tmp_path, f"{os.getpid()}33").make()


@pytest.mark.promise("nothing lost")
def test_a_session_killed_a_few_times_loses_nothing(world: World) -> None:
    night = Night(world, seeded(4))
    night.play(KILLS, time.monotonic() + 600)
    assert list(report.words(night.tallies)) == []
    assert sum(tally.times for tally in night.tallies.values()) == KILLS + 1


@pytest.fixture
def scene(world: World) -> Scene:
    """A session that was left in peace after three trials, and not yet judged."""
    played = Scene(world)
    for loss in (5, 7, 4):
        played.does("run_trial", description=f"to {loss}", content=f"echo loss: {loss}\n")
    played.leave()
    return played


def drop_a_row(scene: Scene) -> None:
    table = scene.world.home / "results.tsv"
    table.write_bytes(b"".join(table.read_bytes().splitlines(keepends=True)[:-1]))


def repeat_a_row(scene: Scene) -> None:
    table = scene.world.home / "results.tsv"
    table.write_bytes(table.read_bytes() + table.read_bytes().splitlines(keepends=True)[-1])


def change_a_record(scene: Scene) -> None:
    path = scene.world.journal
    path.write_bytes(path.read_bytes().replace(b'"to 7"', b'"to 8"'))


def drop_the_last_records(scene: Scene) -> None:
    path = scene.world.journal
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-4]))


def move_a_ref(scene: Scene) -> None:
    ref = scene.world.repo / ".git" / "refs" / "referee" / scene.world.tag / "trials" / "2"
    ref.write_bytes(ref.with_name("1").read_bytes())


def charge_too_much(scene: Scene) -> None:
    scene.told.experiments += 1


def tell_another_decision(scene: Scene) -> None:
    scene.told.decided[2] = "keep"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "column"),
    [
        (drop_a_row, LOST),
        (repeat_a_row, DOUBLE),
        (change_a_record, WRONG),
        (drop_the_last_records, LOST),
        (move_a_ref, LOST),
        (charge_too_much, DOUBLE),
        (tell_another_decision, LOST),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_is_lost_doubled_or_changed_is_found(scene: Scene, act: Callable[[Scene], None], column: str) -> None:
    act(scene)
    assert column in {finding.column for finding in scene.judged()}


def test_a_sound_session_has_no_findings(scene: Scene) -> None:
    assert scene.judged() == []


def test_a_process_that_outlives_its_server_is_found(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "_SURVIVES", 0.1)
    with subprocess.Popen(["sleep", f"300.{scene.world.token}"]) as survivor:
        found = list(books.after_kill(scene.world, scene.told))
        survivor.kill()
    assert [finding.column for finding in found] == [SURVIVORS]
    assert str(survivor.pid) in found[0].said


def test_the_table_has_a_line_for_each_kind_of_fault_and_their_sum() -> None:
    kills = {"in a trial": Tally(3, [Finding(LOST, "a row")]), "at the start": Tally(2)}
    table = report.table(kills, {"disk full": Tally(1)}).splitlines()
    assert [line.split("|")[1:4] for line in table[2:]] == [
        [" `kill -9` at the start ", " 2 ", " 0 "],
        [" `kill -9` in a trial ", " 3 ", " 1 "],
        [" **kills and ends of sessions** ", " 5 ", " 1 "],
        [" disk full ", " 1 ", " 0 "],
    ]
    assert list(report.words(kills)) == ["in a trial: lost: a row"]
