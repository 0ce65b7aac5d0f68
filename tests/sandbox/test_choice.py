"""Which backend is taken, and that it is never silently a weaker one."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from referee.sandbox import backends, choice, limit_probes, report
from referee.sandbox.errors import SandboxError, SandboxUnavailableError
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Capabilities, Level, Measurement, Protection, TrialSpec

from .conftest import Lab, make_lab, unavailable

_CANARY = [protection.name for protection in report.protections(backends.BACKENDS["none"], frozenset(), frozenset())]


def _capabilities(only: str | None, minimum: Level) -> Capabilities:
    async def ask() -> Capabilities:
        async with Launcher(only) as launcher:
            return await launcher.capabilities(minimum)

    return anyio.run(ask)


def test_the_strongest_backend_that_works_is_chosen() -> None:
    working = [key for key in backends.BACKENDS if not unavailable(key)]
    assert _capabilities(None, Level.NONE).backend == backends.BACKENDS[working[0]].name


@pytest.mark.parametrize("key", ["landlock", "none"])
@pytest.mark.promise("honest about itself")
def test_less_than_the_minimum_is_refused_with_reasons(key: str) -> None:
    if unavailable(key):
        pytest.skip(unavailable(key))
    with pytest.raises(SandboxUnavailableError, match="expected at least isolated"):
        _capabilities(key, Level.ISOLATED)


def test_measuring_refuses_what_the_machine_cannot_confine(ground: Path) -> None:
    lab = make_lab(ground, "none", Launcher(only="none"))

    async def run() -> None:
        async with lab.launcher as launcher:
            await launcher.measure(lab.spec("open('ran', 'w')", minimum=Level.LIMITED))

    with pytest.raises(SandboxUnavailableError):
        anyio.run(run)
    assert not lab.log.exists()


def test_measuring_runs_in_the_chosen_backend(lab: Lab) -> None:
    async def run() -> Measurement:
        async with Launcher(only=lab.key) as launcher:
            return await launcher.measure(lab.spec("print('score: 2')", metrics=("score",)))

    measured = anyio.run(run)
    assert (measured.backend, dict(measured.metrics)) == (backends.BACKENDS[lab.key].name, {"score": 2.0})
    assert list(measured.protections) == [*_CANARY, *limit_probes.NAMES]


def test_a_confining_backend_reports_what_it_enforces(confined: Lab) -> None:
    found = _capabilities(confined.key, Level.LIMITED)
    states = {protection.name: protection.state for protection in found.protections}
    assert list(states) == [*_CANARY, *limit_probes.NAMES]
    assert "absent" not in states.values()
    # What a user may do to his own files and what he may see needs namespaces, what he may hide a control group.
    weak = {name for name, state in states.items() if state == "partial"}
    assert weak <= {"files outside", "names outside", "processes outside", "core dumps", "memory", "disk"}
    assert all(protection.remedy for protection in found.protections if protection.name in weak)


def _known(state: str, name: str) -> choice.Choice:
    protection = Protection(name, cast("Any", state), "tried to: it went on", "do this")
    return choice.Choice("bubblewrap", Capabilities("bubblewrap", Level.ISOLATED, (protection,)))


@pytest.mark.promise("honest about itself")
@pytest.mark.parametrize("key", choice.KEYS)
def test_a_protection_that_is_asked_for_and_absent_is_refused_with_what_was_found_and_what_to_do(key: str) -> None:
    absent = _known("absent", choice.KEYS[key])
    with pytest.raises(SandboxUnavailableError) as refused:
        absent.checked(Level.LIMITED, frozenset({key}))
    assert str(refused.value) == (
        f"sandbox.{key}: found nothing here that enforces it (tried to: it went on), expected it enforced, because "
        "program.md asks for it. To mend it: do this; or take the key out of program.md."
    )
    assert absent.checked(Level.LIMITED) == absent.capabilities
    assert absent.checked(Level.LIMITED, frozenset(choice.KEYS) - {key}) == absent.capabilities


@pytest.mark.parametrize("state", ["enforced", "partial"])
def test_a_protection_that_is_asked_for_and_there_is_not_refused(state: str) -> None:
    known = _known(state, "memory")
    assert known.checked(Level.LIMITED, frozenset({"memory"})) == known.capabilities


@pytest.mark.promise("honest about itself")
def test_nothing_is_claimed_of_what_confines_nothing() -> None:
    found = _capabilities("none", Level.NONE)
    states = {protection.name: protection.state for protection in found.protections}
    assert {states[name] for name in ("files outside", "private reads", "network", "environment")} == {"absent"}
    assert {states[name] for name in ("time", "output", "survivors")} == {"enforced"}
    assert all(protection.evidence for protection in found.protections)


async def _broken(spec: TrialSpec, key: str) -> Measurement:
    """A machine on which every backend runs and none confines: what `none` would answer."""
    async with Launcher() as launcher:
        return replace(await launcher.run(spec, "none"), backend=backends.BACKENDS[key].name)


@pytest.mark.promise("honest about itself")
def test_a_backend_that_does_not_hold_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {key: replace(entry, missing=str) for key, entry in backends.BACKENDS.items()}
    monkeypatch.setattr(choice, "BACKENDS", table)

    async def ask() -> choice.Choice:
        return await choice.choose(_broken, None)

    found = anyio.run(ask)
    assert found.capabilities.level is Level.NONE
    assert sum("it did not hold" in reason for reason in found.capabilities.lost) == len(table) - 1


async def _failing(_spec: TrialSpec, _key: str) -> Measurement:
    raise SandboxError("no")


def test_where_nothing_works_nothing_is_run() -> None:
    async def ask() -> choice.Choice:
        return await choice.choose(_failing, None)

    found = anyio.run(ask)
    with pytest.raises(SandboxUnavailableError, match="found nothing, expected at least none"):
        found.checked(Level.NONE)


@pytest.mark.parametrize("place", ["home", "below home"])
def test_a_repository_in_the_home_works(lab: Lab, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("HOME", str(lab.root if place == "home" else lab.base))
    (lab.base / "private").write_text("hunter2")

    async def run() -> Measurement:
        async with Launcher() as launcher:
            code = f"import os; print(os.path.exists('prepare.py'), os.path.exists({str(lab.base / 'private')!r}))"
            return await launcher.run(lab.spec(code), lab.key)

    assert anyio.run(run).outcome == "ok"
    assert lab.said().startswith("True")
    assert lab.said() == "True False\n" or not lab.key.startswith("bubblewrap")
    assert os.listdir(lab.root) == []


_ASK = """
import anyio, json, os, sys
from referee.sandbox import kernel, seccomp
from referee.sandbox.launch import Launcher
if "refuse namespaces" in sys.argv:
    seccomp._PR_SET_DUMPABLE = 0xFFFF  # containers let a server hide its memory
    kernel.no_new_privileges()
    kernel.install_filter(seccomp.build("local"))
async def main():
    async with Launcher() as launcher:
        found = (await launcher.glance()).capabilities
        print(json.dumps([found.backend, found.level, found.lost]))
anyio.run(main)
"""


def _asked(*arguments: str, prefix: tuple[str, ...] = ()) -> tuple[str, str, str]:
    command = [*prefix, sys.executable, "-c", _ASK, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    backend, level, lost = json.loads(done.stdout)
    return backend, level, "; ".join(lost)


@pytest.mark.skipif(bool(unavailable("landlock-copy")), reason="no Landlock here")
def test_where_namespaces_are_refused_as_in_default_containers_landlock_is_taken_and_says_why() -> None:
    backend, level, lost = _asked("refuse namespaces")
    assert (backend, level) == ("landlock", "limited")
    assert "bubblewrap: " in lost
    assert "a trial works in a copy, at another path" in lost


@pytest.mark.skipif(bool(unavailable("bubblewrap")), reason="no bubblewrap here")
def test_the_root_of_a_namespace_without_other_users_is_confined_or_refused() -> None:
    """Behind an ordinary user's namespace it is one; behind root's it could write to /proc/sys: the probe sees it."""
    backend, level, lost = _asked(prefix=("unshare", "-Ur"))
    if os.geteuid() == 0:
        assert level == "none"
        assert "it did not hold: a trial could open the kernel's settings for writing" in lost
    else:
        assert (backend, level) == ("bubblewrap", "isolated")
