"""A small laboratory: a frozen project, a launcher, and trials in every backend that works here."""

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import pytest
from referee.sandbox import probe, scratch
from referee.sandbox.backends import BACKENDS
from referee.sandbox.choice import choose
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Level, Limits, Measurement, TrialSpec

FROZEN = {"prepare.py": "LIMIT = 1\n", "data/labels.csv": "1,2,3\n", "lib/deep/helper.py": "def f(): return 7\n"}
SECONDS = 30.0
CONFINING = tuple(key for key, backend in BACKENDS.items() if backend.level is not Level.NONE)


@cache
def unavailable(key: str) -> str:
    """Why a backend does not work here; an empty text if it does."""

    async def ask() -> str:
        async with Launcher() as launcher:
            capabilities = (await choose(launcher.run, key)).capabilities
        return "" if capabilities.backend else "; ".join(capabilities.lost)

    return anyio.run(ask)


@dataclass(frozen=True, slots=True)
class Lab:
    """One throw-away project and the backend that its trials run in."""

    base: Path
    key: str
    launcher: Launcher
    token: str

    @property
    def root(self) -> Path:
        return self.base / "repository"

    @property
    def scratch(self) -> Path:
        return self.base / "state" / "scratch"

    @property
    def log(self) -> Path:
        return self.base / "state" / "log"

    def spec(self, code: str, **changes: Any) -> TrialSpec:
        python, readable = probe.interpreter()
        spec = TrialSpec(
            snapshot=str(self.base / "state" / "snapshot"),
            root=str(self.root),
            cwd=str(self.root),
            target="train.py",
            target_text=code,
            target_mode=0o644,
            argv=(python, "-B", "train.py"),
            env={},
            readable=readable,
            network=False,
            minimum=Level.NONE,
            limits=Limits(wall_seconds=SECONDS),
            metrics=(),
            scratch=str(self.scratch),
            log=str(self.log),
        )
        wider = {"readable": (*readable, *changes.pop("inputs", ()))}
        return replace(spec, **{**wider, **changes})

    def run(self, code: str, **changes: Any) -> Measurement:
        return self.measure(self.spec(code, **changes))

    def measure(self, spec: TrialSpec) -> Measurement:
        return anyio.run(self.launcher.run, spec, self.key)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def leftovers(self) -> list[str]:
        return os.listdir(self.scratch) if self.scratch.exists() else []


def freeze(top: Path, files: Mapping[str, str]) -> None:
    """Lay files out as a snapshot is: folders open to all, files read-only."""
    top.mkdir(parents=True)
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o444)
    for folder in [top, *(path for path in top.rglob("*") if path.is_dir())]:
        folder.chmod(0o777)


def make_lab(base: Path, key: str, launcher: Launcher) -> Lab:
    base.chmod(0o755)
    freeze(base / "state" / "snapshot", FROZEN)
    (base / "repository").mkdir()
    return Lab(base, key, launcher, f"token-{secrets.token_hex(8)}")


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    made = Launcher()
    yield made
    anyio.run(made.aclose)


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    path = tempfile.mkdtemp(prefix="referee-test-")
    yield Path(path)
    scratch.remove(path)


@pytest.fixture(params=list(BACKENDS))
def lab(request: pytest.FixtureRequest, ground: Path, launcher: Launcher) -> Lab:
    """A project in each backend."""
    return _lab(str(request.param), ground, launcher)


@pytest.fixture(params=CONFINING)
def confined(request: pytest.FixtureRequest, ground: Path, launcher: Launcher) -> Lab:
    """A project in each backend that confines."""
    return _lab(str(request.param), ground, launcher)


def _lab(key: str, ground: Path, launcher: Launcher) -> Lab:
    if reason := unavailable(key):
        pytest.skip(reason)
    return make_lab(ground, key, launcher)
