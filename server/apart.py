"""Measuring without a session: what `referee check` and `referee replay` stand on.

Guarantee: no ref, row, journal or pointer is written. Snapshot, logs and caches lie in a folder of the command's own,
which is removed, also after an earlier run that was killed.
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..sandbox.launch import Launcher
from ..sandbox.spec import Measurement, TrialSpec
from ..session.errors import RepositoryError
from ..session.frozen import Frozen, frozen
from ..session.opened import Opened
from ..session.plan import trial_spec
from ..session.project import Project


@contextmanager
def own_folder(project: Project, command: str) -> Generator[Path]:
    """A private folder for one run of a command on this repository at a time, empty at first and gone afterwards.

    Raises:
        RepositoryError: If another run of the same command has it.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - costs time that only those who measure have to pay

    home = project.checkout.state_home() / f".{command}"  # no tag can begin with a dot
    home.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.parent / f".{command}.lock", mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        said = f"another `referee {command}` of this repository is running. Wait for it to end."
        raise RepositoryError(said) from None
    try:
        _remove(home)
        for folder in (home, home / "logs", home / "scratch"):
            folder.mkdir(mode=0o700)
        yield home
    finally:
        _remove(home)
        lock.release()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def snapshot(project: Project, opened: Opened, home: Path) -> Frozen:
    """The frozen files of a session, made below `home`."""
    made = frozen(home, project, opened)
    made.open()
    return made


@dataclass(frozen=True, slots=True)
class Bench:
    """What a draft is measured on: the project, what the session is or would be bound to, the folder, the sandbox."""

    project: Project
    opened: Opened
    home: Path
    launcher: Launcher

    async def fill(self) -> Measurement | None:
        """Fill the contract's caches as a baseline does, if it has any; what is returned does not count."""
        if not self.opened.contract.sandbox.cache:
            return None
        return await self.launcher.measure(replace(self._spec(self.baseline(), 0, 0), fill_caches=True))

    async def measure(self, text: str, number: int) -> list[Measurement]:
        """The runs of one draft, as many as the contract repeats; the first that is not `ok` is the last."""
        runs: list[Measurement] = []
        while len(runs) < self.opened.contract.evaluate.repeats and not (runs and runs[-1].outcome != "ok"):
            runs.append(await self.launcher.measure(self._spec(text, number, len(runs))))
        return runs

    def baseline(self) -> str:
        """The target of the base commit."""
        entry = self.project.repository.target_entry(self.project.base(self.opened.base), self.opened.target)
        return self.project.repository.text(entry.oid, self.opened.target)

    def _spec(self, text: str, number: int, run: int) -> TrialSpec:
        evaluate = self.opened.contract.evaluate
        entry = self.project.repository.target_entry(self.project.base(self.opened.base), self.opened.target)
        return trial_spec(
            self.opened,
            self.project.checkout,
            self.home,
            text=text,
            mode=int(entry.mode, 8) & 0o777,
            number=number,
            run=run,
            seconds=evaluate.timeout * evaluate.phases,
        )
