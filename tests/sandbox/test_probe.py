"""The canary trial: what it attacks, and that it notices every protection that is missing."""

import ast
import socket
import tempfile
from pathlib import Path

import anyio
import pytest
from referee.sandbox import probe, remedies, report, witness
from referee.sandbox.backends import BACKENDS
from referee.sandbox.choice import Choice, choose
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Level, Measurement

from . import broken
from .conftest import unavailable


def _looked(key: str) -> Choice:
    async def look() -> Choice:
        async with Launcher() as launcher:
            return await choose(launcher.run, key)

    return anyio.run(look)


def _run(**seen: float) -> Measurement:
    metrics = dict.fromkeys(report.ATTACKS, 0.0) | seen
    return Measurement("ok", "", metrics, 0, 0, 0, 0, None, 0, (), "bubblewrap", Level.ISOLATED)


def test_the_canary_attempts_exactly_what_the_report_has_words_for() -> None:
    tree = ast.parse(Path(probe.__file__).with_name("canary.py").read_text(encoding="utf-8"))
    (table,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "ATTEMPTS"
    ]
    assert isinstance(table, ast.Dict)
    assert sorted(ast.literal_eval(key) for key in table.keys if key) == sorted(report.ATTACKS)


def test_the_witness_stands_also_where_temporary_files_have_a_very_long_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket cannot have a path of more than 107 bytes."""
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with witness.outside() as (target, _), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(target.folder / "socket"))
        assert target.witnessed()["reached_unix"]


@pytest.mark.promise("honest about itself")
def test_the_witness_outside_outweighs_the_word_inside() -> None:
    with witness.outside() as (target, top):
        (target.folder / "written").touch()
        found = probe.findings(target, _run(left_shared_memory=1))
        assert found.holes == {"wrote_outside"}
        assert report.broken(BACKENDS["bubblewrap"], found.holes) == {"wrote_outside"}
        assert top.exists()
    assert not top.exists()


def test_what_an_attack_left_on_the_machine_is_removed_also_if_nobody_asked_for_it() -> None:
    with witness.outside() as (target, _):
        left = Path("/dev/shm", target.token)
        left.touch()
    assert not left.exists()


@pytest.mark.parametrize("attack", report.ATTACKS)
def test_every_attack_that_works_takes_its_protection_away(attack: str) -> None:
    states = {
        each.state: each
        for each in report.protections(BACKENDS["bubblewrap"], frozenset({attack}), frozenset())
        if each.state != "enforced"
    }
    (weak,) = states.values()
    assert weak.evidence.startswith(f"it could {report.ATTACKS[attack]}")
    assert weak.remedy


def test_what_could_not_be_tried_is_never_called_enforced() -> None:
    with witness.outside() as (target, _):
        found = probe.findings(target, _run(made_namespace=2))
    protections = report.protections(BACKENDS["bubblewrap"], found.holes, found.untried)
    (weak,) = [each for each in protections if each.state != "enforced"]
    assert (weak.name, weak.state) == ("namespaces", "partial")
    assert "not tried: make a user namespace" in weak.evidence


_NO_PROCESS_NAMESPACE = """
from referee.sandbox import bubblewrap
bubblewrap._NAMESPACES = tuple(word for word in bubblewrap._NAMESPACES if word != "--unshare-pid")
"""
_SHARED_MEMORY_OF_THE_MACHINE = """
from referee.sandbox import overlay
overlay.shared_memory = lambda *_: "/dev/shm"
from referee.sandbox import shared_memory
shared_memory.remove = lambda _: None
"""


@pytest.mark.promise("honest about itself")
@pytest.mark.parametrize(
    ("key", "patch", "weak"),
    [
        pytest.param("bubblewrap-in-container", broken.NO_FILTER, {"namespaces", "leftovers"}, id="no filter"),
        pytest.param("bubblewrap", _NO_PROCESS_NAMESPACE, {"processes outside"}, id="no process namespace"),
        pytest.param("bubblewrap", _SHARED_MEMORY_OF_THE_MACHINE, {"leftovers"}, id="shared memory of the machine"),
        pytest.param("bubblewrap", broken.NO_BOUNDS, {"core dumps"}, id="no bounds"),
    ],
)
def test_a_protection_that_was_taken_away_is_not_called_enforced(
    key: str, patch: str, weak: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := unavailable(key):
        pytest.skip(reason)
    if "core dumps" in weak and remedies.crash_reader():
        pytest.skip("crashes are handed to a program of this machine: never called enforced")
    before = _looked(key)
    broken.supervise(monkeypatch, patch)
    after = _looked(key)
    assert {before.states[name] for name in weak} == {"enforced"}
    assert "enforced" not in {after.states[name] for name in weak}


_SEES_OUTSIDE = """
from dataclasses import replace
from pathlib import Path
from referee.sandbox import bubblewrap
build = bubblewrap._build
def wider(spec, *rest, **more):
    outside = str(Path(spec.snapshot).with_name("outside"))
    return build(replace(spec, readable=(*spec.readable, outside)), *rest, **more)
bubblewrap._build = wider
"""
_OPEN_NETWORK = """
from dataclasses import replace
from referee.sandbox import bubblewrap
build = bubblewrap._build
bubblewrap._build = lambda spec, *rest, **more: build(replace(spec, network=True), *rest, **more)
"""
_MORE_VARIABLES = """
from referee.sandbox import bubblewrap
environment = bubblewrap.environment
bubblewrap.environment = lambda *given: environment(*given) | {"TOKEN_OF_THE_SERVER": "hunter2"}
"""
_NO_RULES = """
from referee.sandbox import kernel
kernel.landlock_enforce = lambda _: None
"""


@pytest.mark.promise("honest about itself")
@pytest.mark.parametrize(
    ("key", "patch", "said"),
    [
        pytest.param("bubblewrap", _SEES_OUTSIDE, "read a file outside", id="sees outside"),
        pytest.param("bubblewrap", _OPEN_NETWORK, "connect to a TCP port", id="network"),
        pytest.param("bubblewrap", _MORE_VARIABLES, "see a variable that it was not given", id="environment"),
        pytest.param("landlock", _NO_RULES, "read a file outside", id="no rules"),
        pytest.param("landlock", broken.NO_FILTER, "connect to a Unix socket", id="no filter"),
    ],
)
def test_a_backend_that_lets_go_of_what_is_essential_is_not_used(
    key: str, patch: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := unavailable(key):
        pytest.skip(reason)
    broken.supervise(monkeypatch, patch)
    found = _looked(key)
    assert found.key != key
    (reason,) = [each for each in found.capabilities.lost if each.startswith(f"{key}: ")]
    assert "it did not hold: " in reason
    assert said in reason
