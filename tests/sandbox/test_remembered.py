"""What was found about the limits is taken from the file only if nothing speaks against it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.sandbox import limit_probes, remembered
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Level, Measurement, Protection, TrialSpec

FOUND = tuple(Protection(name, "enforced", "tried", "") for name in limit_probes.NAMES)


@pytest.fixture
def now() -> dict[str, str]:
    return remembered.situation("bubblewrap")


@pytest.fixture
def path(tmp_path: Path, now: dict[str, str]) -> Path:
    """A file in which everything is in order."""
    place = tmp_path / "probes.json"
    remembered.store(place, now, FOUND)
    return place


def test_what_was_stored_is_found_again_and_nobody_else_may_read_it(path: Path, now: dict[str, str]) -> None:
    assert remembered.load(path, now) == FOUND
    assert path.stat().st_mode & 0o7777 == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_the_situation_is_told_of_in_full(now: dict[str, str]) -> None:
    assert all(now.values())
    assert "boot" in now
    assert remembered.situation("landlock") != now


@pytest.mark.parametrize("what", ["version", "backend", "kernel", "boot", "user", "rights", "bubblewrap", "groups"])
def test_another_situation_finds_nothing(path: Path, now: dict[str, str], what: str) -> None:
    assert remembered.load(path, now | {what: f"{now[what]} "}) == ()


def _changed(change: Callable[[Any], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        known = json.loads(path.read_text(encoding="ascii"))
        change(known)
        path.write_text(json.dumps(known), encoding="ascii")

    return apply


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _two_names(path: Path) -> None:
    path.with_name("other").hardlink_to(path)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


_SPOILED: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "no text": lambda path: path.write_bytes(b"\xff" * 99),
    "deep": lambda path: path.write_bytes(b"[" * 60_000),
    "a list": lambda path: path.write_bytes(b"[]"),
    "too long": lambda path: path.write_bytes(path.read_bytes() + b" " * 70_000),
    "one less": _changed(lambda known: known["found"].pop()),
    "one more": _changed(lambda known: known["found"].append(known["found"][0])),
    "another order": _changed(lambda known: known["found"].reverse()),
    "another state": _changed(lambda known: known["found"][0].update(state="perfect")),
    "another type": _changed(lambda known: known["found"][0].update(evidence=7)),
    "another field": _changed(lambda known: known["found"][0].update(more="")),
    "a field less": _changed(lambda known: known["found"][0].pop("remedy")),
    "no list": _changed(lambda known: known.update(found={})),
    "another key": _changed(lambda known: known.update(more="")),
    "readable by a group": lambda path: path.chmod(0o640),
    "writable by others": lambda path: path.chmod(0o602),
    "a link": _linked,
    "a second name": _two_names,
    "a pipe": _pipe,
    "a folder": _folder,
}


@pytest.mark.promise("honest about itself")
@pytest.mark.parametrize("how", _SPOILED)
def test_anything_odd_counts_as_nothing_known(path: Path, now: dict[str, str], how: str) -> None:
    assert remembered.load(path, now)
    _SPOILED[how](path)
    assert remembered.load(path, now) == ()


def test_a_link_in_the_files_place_is_replaced_and_not_followed(tmp_path: Path, now: dict[str, str]) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "probes.json").symlink_to(tmp_path / "mine")
    remembered.store(tmp_path / "probes.json", now, FOUND)
    assert (tmp_path / "mine").read_text() == "mine"
    assert remembered.load(tmp_path / "probes.json", now) == FOUND


@pytest.mark.parametrize("place", ["file/probes.json", "folder"])
def test_where_nothing_can_be_written_nothing_is_kept_and_nothing_is_left(
    tmp_path: Path, now: dict[str, str], place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    remembered.store(tmp_path / place, now, FOUND)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert os.listdir(tmp_path / "folder") == []


def test_the_folder_is_made_closed_to_others(tmp_path: Path, now: dict[str, str]) -> None:
    remembered.store(tmp_path / "state" / "referee" / "probes.json", now, FOUND)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("state", "state/referee")] == [0o700, 0o700]


class _Counting(Launcher):
    """Says how many trials it ran."""

    count = 0

    async def run(self, spec: TrialSpec, backend: str, *, following: TrialSpec | None = None) -> Measurement:
        self.count += 1
        return await super().run(spec, backend, following=following)


def _trials(probes: Path | None, *, anew: bool = False) -> int:
    async def look() -> int:
        async with _Counting(probes=probes, anew=anew) as launcher:
            await launcher.capabilities(Level.NONE)
            await launcher.capabilities(Level.NONE)
            return launcher.count

    return anyio.run(look)


def test_limits_are_tried_once_a_boot_and_the_canary_at_every_start(tmp_path: Path) -> None:
    probes = tmp_path / "state" / "probes.json"
    first = _trials(probes)
    assert first > len(limit_probes.NAMES)
    assert _trials(probes) < first - len(limit_probes.NAMES)
    assert _trials(probes, anew=True) > len(limit_probes.NAMES)
    _changed(lambda known: known["situation"].update(boot="another"))(probes)
    assert _trials(probes) > len(limit_probes.NAMES)
