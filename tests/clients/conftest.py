"""The real clients, each in a home of its own, that talk with a stub in place of a model."""

import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.bench import Bench, Sit
from tests.clients.seats import SEATS, Seat
from tests.clients.stub import Use

_ROOT = Path(__file__).resolve().parents[2]
_FOREIGN = ("ANTHROPIC_", "CLAUDE", "CODEX_", "OPENAI_", "MCP_")


@pytest.fixture(scope="session")
def clients() -> Path:
    """The folder that has `claude` and `codex`, in the versions that these tests know."""
    folder = Path(os.environ.get("REFEREE_TEST_CLIENTS", _ROOT / ".clients"))
    if not all(os.access(folder / "bin" / name, os.X_OK) for name in ("claude", "codex")):
        pytest.fail(f"{folder}/bin has no claude and codex; `scripts/clients` installs them.", pytrace=False)
    return folder / "bin"


@pytest.fixture(params=list(SEATS.values()), ids=list(SEATS))
def seat(request: pytest.FixtureRequest) -> Seat:
    """Each of the seats."""
    found: Seat = request.param
    return found


@pytest.fixture
def sit(clients: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Sit]:
    """Seat a model at the project, with a script for each run of its client; once in a test."""
    with ExitStack() as stack:

        def seated(seat: Seat, *scripts: Sequence[Use]) -> Bench:
            for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
                monkeypatch.delenv(name)
            stub = stack.enter_context(seat.stub(scripts))
            for name, value in seat.prepare(Path(os.environ["HOME"]), stub.url).items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("PATH", f"{clients}:{os.environ['PATH']}")
            return stack.enter_context(Bench(project, seat, stub, tmp_path))

        yield seated
