"""Choose the strongest backend that really works here, and never a weaker one than was asked for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from . import probe, report
from .backends import BACKENDS, Backend
from .errors import SandboxError, SandboxUnavailableError
from .spec import Capabilities, Level, Measurement, TrialSpec

Run = Callable[[TrialSpec, str], Awaitable[Measurement]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend in use, by its key in `BACKENDS` (empty where none works), and what is known of it."""

    key: str
    capabilities: Capabilities

    def checked(self, minimum: Level) -> Capabilities:
        """Return the capabilities.

        Raises:
            SandboxUnavailableError: they do not cover `minimum`.
        """
        found = self.capabilities
        if self.key and found.level.covers(minimum):
            return found
        best = f"{found.level.value} ({found.backend})" if self.key else "nothing"
        raise SandboxUnavailableError(
            f"sandbox: found {best}, expected at least {minimum.value}. "
            f"{'. '.join(found.lost)}. To mend it: {report.better() or 'see the reasons above'}."
        )


async def choose(run: Run, only: str | None) -> Choice:
    """Try the backends from the strongest down and return the first that holds."""
    lost: list[str] = []
    for key, backend in BACKENDS.items():
        if only not in {None, key, backend.name}:
            continue
        try:
            holes = await _tried(run, key, backend)
        except SandboxError as error:
            lost.append(f"{key}: {error}")
            continue
        kept = [*lost, *([f"{key}: {backend.lost}"] if backend.lost else [])]
        protections = report.protections(backend, holes)
        return Choice(key, Capabilities(backend.name, backend.level, protections, tuple(kept)))
    return Choice("", Capabilities("", Level.NONE, (), tuple(lost)))


async def _tried(run: Run, key: str, backend: Backend) -> frozenset[str]:
    if reason := backend.missing():
        raise SandboxError(reason)
    with probe.outside() as (target, top):
        measured = await run(probe.specification(target, top), key)
        if measured.outcome != "ok":
            raise SandboxError(f"the probe failed: {measured.reason}")
        holes = probe.holes(target, measured)
    if failed := report.broken(backend, holes):
        raise SandboxError(f"it did not hold: {', '.join(sorted(failed))}")
    return holes
