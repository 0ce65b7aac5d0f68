"""What the tests of nights and of clients share."""

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.server.nights import Night, Script, commit_program, limited

Begin = Callable[..., Night]
SHOW = "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done; pwd; cat\n"
Fake = Callable[..., Path]


@pytest.fixture
def begin(project: Path) -> Generator[Begin]:
    """A night on a project whose budget has these limits."""
    nights: list[Night] = []

    def begun(script: Script, **limits: Any) -> Night:
        commit_program(project, limited(**limits))
        nights.append(Night(project, script))
        return nights[-1]

    yield begun
    for night in nights:
        night.close()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a program of that name before all others."""

    def put(name: str, text: str = SHOW) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return program

    return put
