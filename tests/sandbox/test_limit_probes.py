"""Every limit is tried for real, and a limit that is not applied is not called enforced."""

import os
import secrets
from pathlib import Path

import anyio
import pytest
from referee.sandbox import limit_probes
from referee.sandbox.errors import SandboxError
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Measurement, Protection, TrialSpec

from . import broken
from .conftest import Lab, unavailable
from .witness import carrying

_MAY_HIDE = {"memory", "disk"}


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    """The word that every attempt of this test, and of no other, has on its command line."""
    word = f"probe-{secrets.token_hex(8)}"
    monkeypatch.setattr(limit_probes, "_TOKEN", word)
    return word


def _probed(key: str) -> dict[str, Protection]:
    async def probe() -> dict[str, Protection]:
        async with Launcher() as launcher:
            found, complete = await limit_probes.probed(launcher.run, key)
            assert complete
            return {protection.name: protection for protection in found}

    return anyio.run(probe)


def _weak(found: dict[str, Protection]) -> dict[str, str]:
    return {name: protection.state for name, protection in found.items() if protection.state != "enforced"}


def test_a_machine_that_enforces_its_limits_is_told_so_with_what_the_host_saw(lab: Lab) -> None:
    found = _probed(lab.key)
    assert tuple(found) == limit_probes.NAMES
    # What an ordinary user's trial hides can be bounded by a control group alone.
    may = _MAY_HIDE if os.geteuid() else set[str]()
    assert {name: found[name].evidence for name in _weak(found).keys() - may} == {}
    assert "absent" not in _weak(found).values()
    assert "seen, processes is 16" in found["process count"].evidence
    assert "0.4 s were allowed" in found["time"].evidence
    assert all(protection.evidence.startswith("tried to ") for protection in found.values())


def test_nothing_of_the_attempts_is_left(ground: Path, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(ground))
    _probed("none")
    assert os.listdir(ground) == []
    assert not carrying(token)


_NO_DEADLINE = """
from dataclasses import replace
from referee.sandbox import watch
attentive = watch.watch
watch.watch = lambda running, seen, limits, *rest: attentive(running, seen, replace(limits, wall_seconds=60), *rest)
"""
_NO_END_OF_OUTPUT = """
from referee.sandbox import watch
watch.Output.full = property(lambda _: False)
"""
_DAEMONS_LIVE = """
from pathlib import Path
from referee.sandbox import cgroup, process
cgroup.make = lambda *_, **__: None
everybody = process.children
def words_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ended meanwhile
        return b""
process.children = lambda: [pid for pid in everybody() if b"time.sleep(float" not in words_of(pid)]
"""
_BLIND_TO_FILES_WITHOUT_A_NAME = """
from referee.sandbox import cgroup, held
cgroup.make = lambda *_, **__: None
held.Shelf.look = lambda *_: None
"""
_ALL_MEASURED = {"memory", "process count", "processor time", "disk", "file count", "open files"}


@pytest.mark.promise("honest about itself")
@pytest.mark.parametrize(
    ("patch", "key", "weak"),
    [
        pytest.param(broken.NO_GAUGE, "bubblewrap", dict.fromkeys(_ALL_MEASURED, "absent"), id="nothing measured"),
        pytest.param(_NO_DEADLINE, "bubblewrap", {"time": "absent"}, id="no deadline", marks=pytest.mark.slow),
        pytest.param(
            _NO_END_OF_OUTPUT, "landlock", {"output": "absent"}, id="no end of output", marks=pytest.mark.slow
        ),
        pytest.param(_DAEMONS_LIVE, "none", {"survivors": "absent"}, id="daemons live"),
        pytest.param(
            _BLIND_TO_FILES_WITHOUT_A_NAME,
            "landlock",
            {"memory": "partial", "disk": "partial"},
            id="blind to files without a name",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_limit_that_is_not_applied_is_not_called_enforced(
    patch: str, key: str, weak: dict[str, str], monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    if reason := unavailable(key):
        pytest.skip(reason)
    broken.supervise(monkeypatch, patch)
    found = _probed(key)
    seen = _weak(found)
    assert {name: seen.get(name) for name in weak} == weak
    may = weak.keys() | (_MAY_HIDE if os.geteuid() else set[str]())
    assert {name: found[name].evidence for name in seen.keys() - may} == {}
    assert all(found[name].remedy for name in weak)
    assert not carrying(token)


def test_what_could_not_be_tried_is_absent_and_not_to_be_remembered() -> None:
    async def failing(_spec: TrialSpec, _key: str) -> Measurement:
        raise SandboxError("no room")

    async def probe() -> tuple[tuple[Protection, ...], bool]:
        return await limit_probes.probed(failing, "bubblewrap")

    found, complete = anyio.run(probe)
    assert not complete
    assert {protection.state for protection in found} == {"absent"}
    assert all("could not try to" in protection.evidence and "no room" in protection.evidence for protection in found)
