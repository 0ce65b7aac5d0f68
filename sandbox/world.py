"""What a backend builds around one trial, and the environment that every trial gets."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .spec import TrialSpec

_USER = "trial"
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the trial finds its own folders, as the trial sees them."""

    home: str
    tmp: str
    out: str


@dataclass(frozen=True, slots=True)
class World:
    """One trial, ready to be started and to wait at its gate until its draft is there.

    Attributes:
        argv: What to execute.
        env: Its environment.
        keep: Descriptors that it inherits besides the standard three.
        enter: Runs in the forked child just before it executes `argv`; raises OSError or SandboxError.
        place: Puts the draft of a specification where the trial will find its target.
        touched: After everything is dead: the frozen paths that were changed.
        written: Folders that hold what the trial writes to disk.
        memory_mounts: Where what it writes to memory file systems can be counted.
        gate: A pipe; the command is executed once a byte is written to it.
        waits: Whether `argv` reads the gate itself; otherwise the forked child does before it executes `argv`.
        fault: After the end: why the world itself could not be set up, or an empty text.
        shells: Whether the backend reports a signal the way shells do, as exit code 128 + number.
        caches: Where each cache of the specification can be found after the end.
        left: Folder in which the files of the project that the trial wrote can be found after `touched`.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    keep: tuple[int, ...]
    enter: Callable[[], None]
    place: Callable[[TrialSpec], None]
    touched: Callable[[], tuple[str, ...]]
    written: tuple[str, ...]
    memory_mounts: tuple[str, ...] = ()
    gate: tuple[int, int] = field(default_factory=os.pipe)
    waits: bool = False
    fault: Callable[[], str] = str
    shells: bool = False
    caches: tuple[str, ...] = ()
    left: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        """The words to execute, with the folder for results where they say `{results}`."""
        return tuple(word.replace("{results}", self.env["REFEREE_RESULTS"]) for word in self.argv)


def environment(spec: TrialSpec, places: Places) -> dict[str, str]:
    """Return the whole environment of a trial; what the sandbox fixes wins over `spec.env`."""
    defaults = {"PATH": _PATH, "USER": _USER, "LOGNAME": _USER}
    fixed = {
        "HOME": places.home,
        "TMPDIR": places.tmp,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "REFEREE_METRICS": f"{places.out}/metrics.json",
        "REFEREE_RESULTS": f"{places.out}/results",
    }
    return defaults | dict(spec.env) | fixed


def real_home() -> str | None:
    """Return the home folder that the trial must not see, or None where there is none to speak of."""
    home = os.path.normpath(os.environ.get("HOME") or "/")
    return home if home != "/" and Path(home).is_absolute() else None


def inside(cwd: str) -> Callable[[], None]:
    """Return what enters a world that is nothing but a working folder."""
    return lambda: os.chdir(cwd)
