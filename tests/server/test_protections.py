"""What protects trials: said by `check`, refused where it is asked for and missing, held by every trial's record."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.sandbox import backends, limit_probes, remembered, report
from referee.sandbox.errors import SandboxUnavailableError
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Level, Protection
from referee.server.cli import main
from referee.server.commands.check import gather
from referee.session import baseline_cache, places
from referee.session.loop import Call, Loop
from referee.session.places import find_checkout

from tests.finished import TAG, Finished, found
from tests.projects import program
from tests.sandbox import broken
from tests.sessions import records, referee

MakeProject = Callable[..., Path]
_NONE = backends.BACKENDS["none"]
NAMES = [*(each.name for each in report.protections(_NONE, frozenset(), frozenset())), *limit_probes.NAMES]


def _baseline(folder: Path) -> None:
    async def play() -> None:
        async with Loop(folder, TAG) as loop:
            await loop.run(Call("run_eval"), "the baseline", 60)

    anyio.run(play)


# --- check -------------------------------------------------------------------------------------------------------


@pytest.mark.promise("honest about itself")
def test_json_holds_every_protection_with_state_evidence_and_remedy(project: Path) -> None:
    items = gather(project, None)["sandbox"]["protections"]
    assert [item["name"] for item in items] == NAMES
    for item in items:
        assert set(item) == {"name", "state", "evidence", "remedy"}
        assert item["state"] in {"enforced", "partial", "absent"}
        assert item["evidence"]
        assert bool(item["remedy"]) == (item["state"] != "enforced")


def test_the_screen_lists_what_is_missing_and_with_verbose_everything(project: Path) -> None:
    weak = [item["name"] for item in gather(project, None)["sandbox"]["protections"] if item["state"] != "enforced"]
    for flags, listed in (((), weak), (("--verbose",), NAMES)):
        done = referee("check", "--repo", str(project), *flags)
        assert done.returncode == 0, done.stderr
        rows = [line[11:] for line in done.stdout.splitlines()]
        states = [row for row in rows if row.startswith(("enforced ", "partial  ", "absent   "))]
        assert [row[9:27].strip() for row in states] == listed


def test_check_never_takes_the_files_word_for_it(project: Path) -> None:
    path = places.probes()
    made_up = tuple(Protection(name, "absent", "made up", "none") for name in limit_probes.NAMES)
    now = remembered.situation("bubblewrap")
    remembered.store(path, now, made_up)
    said = json.dumps(gather(project, None)["sandbox"]["protections"])
    assert "made up" not in said
    assert remembered.load(path, now) != made_up


# --- what is asked for and missing -------------------------------------------------------------------------------


@pytest.mark.promise("honest about itself")
def test_a_limit_that_is_asked_for_and_missing_is_refused_before_anything_runs(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_project({"program.md": program(more="sandbox: {memory: 1GB}")})
    broken.supervise(monkeypatch, broken.NO_GAUGE)
    assert main(["check", "--repo", str(folder)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("referee: sandbox.memory: found nothing here that enforces it (tried to take ")
    assert "expected it enforced, because program.md asks for it. To mend it: " in line
    assert not (find_checkout(folder).state_home() / baseline_cache.FOLDER).exists()
    assert not find_checkout(folder).pointers().exists()


@pytest.mark.slow
def test_a_limit_that_nobody_asked_for_may_be_missing_and_is_said_to_be(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken.supervise(monkeypatch, broken.NO_GAUGE)
    assert main(["check", "--repo", str(project)]) == 0
    out = capsys.readouterr().out
    assert " absent   memory            tried to take " in out
    assert "memory, process count, " in out


@pytest.mark.anyio
@pytest.mark.promise("honest about itself")
async def test_a_server_opens_no_session_without_what_is_asked_for(make_project: MakeProject, connect: Any) -> None:
    folder = make_project({"program.md": program(more="sandbox: {processes: 100}")})
    async with Launcher() as launcher:
        key = (await launcher.glance()).key
    absent = tuple(Protection(name, "absent", "it went on", "do this") for name in limit_probes.NAMES)
    remembered.store(places.probes(), remembered.situation(key), absent)
    async with connect(folder) as agent:
        said = await agent.refused("run_eval", description="the baseline")
    assert "sandbox.processes: found nothing here that enforces it (it went on)" in said
    assert not find_checkout(folder).pointers().exists()


def test_a_network_that_is_to_be_off_and_cannot_be_is_refused(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("referee.session.access.Launcher", partial(Launcher, "none"))
    folder = make_project({"program.md": program(more="sandbox: {minimum: none, network: false}")})

    async def ask() -> None:
        async with Loop(folder) as loop:
            await loop.run(Call("run_eval"), "the baseline", 60)

    with pytest.raises(SandboxUnavailableError, match=r"sandbox\.network: found nothing here that enforces it"):
        anyio.run(ask)


# --- the journal -------------------------------------------------------------------------------------------------


def _states(record: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["state"] for item in record["data"]["protections"]}


@pytest.mark.promise("honest about itself")
def test_every_trial_holds_the_states_that_its_server_found_and_the_journal_their_evidence(done: Finished) -> None:
    known: dict[str, str] = {}
    trials = 0
    for record in done.records:
        if record["kind"] == "protections":
            known = _states(record)
            assert all(item["evidence"] for item in record["data"]["protections"])
            assert Level(record["data"]["level"])
        if record["kind"] == "trial_measured":
            trials += 1
            assert list(record["data"]["measurement"]["protections"].items()) == list(known.items())
            assert list(known) == NAMES
    assert trials > 1


def test_every_server_of_a_session_records_what_it_found(project: Path) -> None:
    _baseline(project)
    _baseline(project)
    kinds = [record.kind for record in records(project)]
    assert kinds.count("protections") == 2
    assert kinds.index("protections") < kinds.index("trial_started")


def test_a_rehearsed_baseline_holds_the_states_that_check_found(project: Path) -> None:
    states = {item["name"]: item["state"] for item in gather(project, TAG)["sandbox"]["protections"]}
    _baseline(project)
    (baseline,) = [record.data for record in records(project) if record.kind == "trial_measured"]
    assert baseline["measurement"]["rehearsed"]
    assert baseline["measurement"]["protections"] == states


def _forget(journal: list[dict[str, Any]]) -> None:
    """Make it a journal of a Referee that did not record protections."""
    journal[:] = [record for record in journal if record["kind"] != "protections"]
    for record in journal:
        record["data"].get("measurement", {}).pop("protections", None)


def test_an_older_journal_is_read_and_says_that_it_does_not_know(
    done: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    done.forge(_forget)
    assert "steps" not in found(done.verified())
    assert main(["show", "1", "--repo", str(done.repo)]) == 0
    assert "protected  not recorded\n" in capsys.readouterr().out
    assert main(["show", "1", "--json", "--repo", str(done.repo)]) == 0
    assert json.loads(capsys.readouterr().out)["protections"] is None


@pytest.mark.promise("honest about itself")
def test_a_trial_whose_protections_were_changed_is_named(done: Finished) -> None:
    def forge(journal: list[dict[str, Any]]) -> None:
        measured = [record["data"] for record in journal if record["kind"] == "trial_measured"]
        measured[1]["measurement"]["protections"]["network"] = "absent"
        del measured[2]["measurement"]["protections"]["memory"]

    done.forge(forge)
    said = found(done.verified())["steps"]
    assert ["trial 1: its protections are not those that its server found: 'network'" in each for each in said] == [
        True,
        False,
    ]
    assert "trial 2: its protections are not those that its server found: 'memory'" in said[1]


def test_show_and_audit_tell_of_protections(done: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "1", "--repo", str(done.repo)]) == 0
    assert "protections enforced" in capsys.readouterr().out
    assert main(["show", "1", "--json", "--repo", str(done.repo)]) == 0
    assert list(json.loads(capsys.readouterr().out)["protections"]) == NAMES
    assert main(["audit", "--repo", str(done.repo)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " sandbox " in line]
    assert "protections enforced" in line
