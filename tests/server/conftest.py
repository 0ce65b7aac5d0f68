"""What the tests of nights share."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.server.nights import Night, Script, commit_program, limited

Begin = Callable[..., Night]


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
