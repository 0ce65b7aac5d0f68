"""Choose the strongest backend that really works here, and never a weaker one than was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from . import gpu, limit_probes, probe, remedies, remembered, report, witness
from .backends import BACKENDS, Backend
from .errors import SandboxError, SandboxUnavailableError
from .probe import Run
from .spec import Capabilities, Level

KEYS: Mapping[str, str] = {**limit_probes.KEYS, "network": "network"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend in use, by its key in `BACKENDS` (empty where none works), and what is known of it."""

    key: str
    capabilities: Capabilities

    @property
    def states(self) -> Mapping[str, str]:
        """The state of each protection, by its name."""
        return {protection.name: protection.state for protection in self.capabilities.protections}

    def checked(
        self, minimum: Level, asked: frozenset[str] = frozenset(), gpus: tuple[int, ...] | None = ()
    ) -> Capabilities:
        """Return the capabilities.

        Args:
            minimum: What they must cover.
            asked: Keys below `sandbox` in the contract whose protection it relies on, out of `KEYS`.
            gpus: Numbers of the GPUs that trials are to use; None for all.

        Raises:
            SandboxUnavailableError: they do not cover `minimum`, a protection that was asked for is absent, or a GPU
                is; the message says how to mend it.
        """
        found = self.capabilities
        if self.key and found.level.covers(minimum):
            self._refuse_absent(asked)
            gpu.refuse_missing(gpus)
            return found
        best = f"{found.level.value} ({found.backend})" if self.key else "nothing"
        raise SandboxUnavailableError(
            f"sandbox: found {best}, expected at least {minimum.value}. "
            f"{'. '.join(found.lost)}. To mend it: {remedies.better() or 'see the reasons above'}."
        )

    def _refuse_absent(self, asked: frozenset[str]) -> None:
        names = {KEYS[key]: key for key in sorted(asked)}
        for protection in self.capabilities.protections:
            if protection.name in names and protection.state == "absent":
                raise SandboxUnavailableError(
                    f"sandbox.{names[protection.name]}: found nothing here that enforces it ({protection.evidence}), "
                    "expected it enforced, because program.md asks for it. "
                    f"To mend it: {protection.remedy}; or take the key out of program.md."
                )


async def choose(run: Run, only: str | None) -> Choice:
    """Try the backends from the strongest down and return the first that holds."""
    lost: list[str] = []
    for key, backend in BACKENDS.items():
        if only not in {None, key, backend.name}:
            continue
        try:
            found = await _tried(run, key, backend)
        except SandboxError as error:
            lost.append(f"{key}: {error}")
            continue
        kept = [*lost, *([f"{key}: {backend.lost}"] if backend.lost else [])]
        protections = report.protections(backend, found.holes, found.untried)
        return Choice(key, Capabilities(backend.name, backend.level, protections, tuple(kept)))
    return Choice("", Capabilities("", Level.NONE, (), tuple(lost)))


async def complete(run: Run, choice: Choice, path: Path | None, *, anew: bool) -> Choice:
    """Return the choice with what is known of the limits as well, by trying them or out of a file.

    Args:
        run: Runs a trial.
        choice: What `choose` returned.
        path: The file in which the findings are kept; None for none.
        anew: Whether to try them whatever the file says.
    """
    if not choice.key:
        return choice
    now = remembered.situation(choice.key) if path else {}
    found = remembered.load(path, now) if path and not anew else ()
    if not found:
        found, sure = await limit_probes.probed(run, choice.key)
        if path and sure:
            remembered.store(path, now, found)
    able = choice.capabilities
    return replace(choice, capabilities=replace(able, protections=(*able.protections, *found)))


async def _tried(run: Run, key: str, backend: Backend) -> probe.Findings:
    if reason := backend.missing():
        raise SandboxError(reason)
    with witness.outside() as (target, top):
        measured = await run(probe.specification(target, top), key)
        if measured.outcome != "ok":
            raise SandboxError(f"the probe failed: {measured.reason}")
        found = probe.findings(target, measured)
    if failed := report.broken(backend, found.holes):
        raise SandboxError(
            f"it did not hold: a trial could {', '.join(report.ATTACKS[name] for name in sorted(failed))}"
        )
    return found
