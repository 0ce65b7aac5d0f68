"""What goes into a trial and what comes out: plain frozen data, the same on any machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Level(StrEnum):
    """How much the machine confines a trial, strongest first."""

    ISOLATED = "isolated"
    LIMITED = "limited"
    NONE = "none"

    def covers(self, minimum: "Level") -> bool:
        """Whether this level protects at least as much as `minimum`."""
        order = list(Level)
        return order.index(self) <= order.index(minimum)


Outcome = Literal["ok", "crash", "timeout"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one trial. A breach ends it as a crash (or timeout) that names the limit."""

    wall_seconds: float
    output_bytes: int = 16 * 1024 * 1024
    log_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """Everything needed to run one trial; a pure value that can be sent to another machine.

    Attributes:
        snapshot: Folder with the frozen tree (files 0444 or 0555, folders 0777), without the target.
        root: The path at which that tree appears to the trial: the repository's own path.
        cwd: Absolute working folder, `root` or below it.
        target: Path of the target relative to `root`.
        target_text: The draft. Written as UTF-8, line endings untouched.
        target_mode: 0o644 or 0o755, as in the base commit.
        argv: The command; `argv[0]` is an absolute path, and `{results}` in a word stands for the folder that the trial
            finds in REFEREE_RESULTS.
        env: The whole environment the trial gets, apart from what the sandbox itself fixes
            (HOME, TMPDIR, REFEREE_METRICS, REFEREE_RESULTS).
        readable: Absolute paths that exist for the trial read-only at their own place:
            interpreter prefixes and declared inputs; those below `root` are mounted into the tree.
        network: Whether the trial may reach the network.
        minimum: Refuse to run with less confinement than this.
        limits: Bounds of time and output.
        metrics: The names that the contract asks for.
        scratch: Folder of the supervisor; it makes and removes one folder per trial in it.
        log: File that receives the trial's output while it runs, capped at `limits.log_bytes`.
    """

    snapshot: str
    root: str
    cwd: str
    target: str
    target_text: str
    target_mode: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    readable: tuple[str, ...]
    network: bool
    minimum: Level
    limits: Limits
    metrics: tuple[str, ...]
    scratch: str
    log: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run returned.

    Attributes:
        outcome: `ok` only if the command exited 0 and every asked metric was read.
        reason: One sentence for a crash or timeout, empty otherwise.
        metrics: Every metric that was read, by name; all finite.
        seconds: Wall clock of the run.
        cpu_seconds: User and system time of everything the trial started.
        peak_memory_bytes: Largest resident size seen of one process of the trial.
        exit_code: Of the command; None if it was killed.
        signal: Name of the signal that ended it, if one did.
        output_bytes: What it wrote to standard output and error together.
        touched: Frozen paths, relative to `root`, that the trial changed in its throw-away layer.
        backend: What confined it: `bubblewrap`, `landlock` or `none`.
        level: The level that this backend reached.
    """

    outcome: Outcome
    reason: str
    metrics: Mapping[str, float]
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    exit_code: int | None
    signal: str | None
    output_bytes: int
    touched: tuple[str, ...]
    backend: str
    level: Level


@dataclass(frozen=True, slots=True)
class Protection:
    """One promise of the sandbox on this machine, and how it is known."""

    name: str
    state: Literal["enforced", "partial", "absent"]
    evidence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this machine can do for a trial: the backend that will be used and why not a better one."""

    backend: str
    level: Level
    protections: tuple[Protection, ...] = ()
    lost: tuple[str, ...] = field(default=())
