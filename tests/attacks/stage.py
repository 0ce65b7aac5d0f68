"""What many arenas share: a supervisor that was started by a person with a home and a secret in the environment."""

import os
import secrets
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from referee.sandbox import scratch
from referee.sandbox.launch import Launcher

_SECRET_VARIABLE = "REFEREE_ARENA_SECRET"


@dataclass(frozen=True, slots=True)
class Stage:
    """A launcher, the home of the person who starts it, and what that person's environment holds."""

    launcher: Launcher
    home: Path
    variable: str

    @contextmanager
    def environment(self) -> Generator[None]:
        """Be that person: the supervisor is started (again) from this environment."""
        values = {"HOME": str(self.home), _SECRET_VARIABLE: self.variable}
        before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextmanager
def stage() -> Generator[Stage]:
    """Yield a stage and end its supervisor."""
    place = Path(tempfile.mkdtemp(prefix="referee-stage-"))
    place.chmod(0o755)
    home = place / "home"
    (home / ".ssh").mkdir(parents=True)
    made = Stage(Launcher(), home, f"variable-{secrets.token_hex(8)}")
    try:
        yield made
    finally:
        anyio.run(made.launcher.aclose)
        scratch.remove(str(place))
