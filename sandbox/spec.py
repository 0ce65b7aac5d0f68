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
    """Bounds of one trial, all that it started together. A breach ends it as a crash (or timeout) that names the limit.

    Attributes:
        wall_seconds: Wall clock.
        output_bytes: Standard output and error together.
        log_bytes: What is kept of them; no more is no breach.
        cpu_seconds: User and system time of everything; None for no bound but wall clock and processors.
        memory: Bytes, or as a float the share of what the machine (or the container) has.
        processes: Processes and threads alive at one time.
        open_files: Files that one process has open at one time.
        disk_bytes: What is written to disk and not removed, files without a name included.
        files: Files and folders that are made and not removed.
    """

    wall_seconds: float
    output_bytes: int = 16 * 1024 * 1024
    log_bytes: int = 1024 * 1024
    cpu_seconds: float | None = None
    memory: int | float = 0.8
    processes: int = 4096
    open_files: int = 65536
    disk_bytes: int = 20 * 1000**3
    files: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that a trial went beyond: its key below `sandbox` in the contract, and both values in people's units."""

    key: str
    seen: str
    allowed: str


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of compiled things that one run fills and every trial gets as a throw-away copy.

    Attributes:
        place: What it lies in: the trial's own home, or the project.
        relative: Its path there, in its one normal spelling.
        store: Folder in which its content is kept, in a folder that only Referee's user enters; until a run has filled
            it, it is not there.
    """

    place: Literal["home", "project"]
    relative: str
    store: str


@dataclass(frozen=True, slots=True)
class Score:
    """The second phase of a trial: judges what the first one left, in a world of its own, without the target.

    Attributes:
        argv: Its command, like that of the trial.
        env: Its whole environment, like that of the trial.
        readable: What exists for it read-only at its own place, like that of the trial.
        private: Folder with frozen files that exist for this phase alone; empty for none.
        artifacts: What passes to it: files and folders of the project, relative to `root`.
        network: Whether it may reach the network.
        secrets: Values that must not stay in its log.
        log: File that receives its output.
        total_seconds: Wall clock that both phases together may take.
        artifact_bytes: The most that may pass.
        artifact_files: The most files that may pass.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    readable: tuple[str, ...]
    private: str
    artifacts: tuple[str, ...]
    network: bool
    secrets: tuple[str, ...]
    log: str
    total_seconds: float
    artifact_bytes: int = 20 * 1000**3
    artifact_files: int = 10_000


@dataclass(frozen=True, slots=True)
class Jail:
    """Where the target's code runs while the trial's command, which is trusted, calls it and finds a stand-in for it.

    Attributes:
        python: Interpreter that runs it.
        env: Its whole environment, like that of the trial.
        readable: What exists for it read-only at its own place, like that of the trial.
        snapshot: Folder with the only frozen files that exist for it.
    """

    python: str
    env: Mapping[str, str]
    readable: tuple[str, ...]
    snapshot: str


@dataclass(frozen=True, slots=True)
class Retain:
    """Files of the project that outlast a trial which ends well.

    Attributes:
        paths: Files and folders of the project, relative to `root`.
        into: Folder that they are copied to, below the same paths; what it holds before is removed.
        most_bytes: The most that is copied.
        most_files: The most files that are copied.
    """

    paths: tuple[str, ...]
    into: str
    most_bytes: int
    most_files: int = 1000


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """Everything needed to run one trial; a pure value that can be sent to another machine.

    Attributes:
        snapshot: Folder with the frozen tree (files 0444 or 0555, folders 0777), without the target.
        root: The path at which that tree appears to the trial: the repository's own path.
        cwd: Absolute working folder, `root` or below it.
        target: Path of the target relative to `root`.
        target_text: The draft. Written as UTF-8, line endings untouched. None where no target is to exist.
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
        metrics: The names that the contract asks for; read from the phase that may report: the last.
        scratch: Folder of the supervisor; it makes and removes one folder per trial in it.
        log: File that receives the trial's output while it runs, capped at `limits.log_bytes`.
        gpus: Numbers of the GPUs that exist for the trial; None for all of the machine.
        caches: Its caches; no two overlap, and none lies over a frozen file, a folder above one, or an input.
        fill_caches: Whether it finds them empty, and what it leaves in them is stored if it ends well.
        private: Folder with frozen files that exist beside those of `snapshot`; empty for none.
        secrets: Values that must not stay in its log.
        channels: Where metrics are taken from, see `output.read`; any where empty.
        score: The second phase; None where the trial reports by itself.
        jail: Where the target's code runs; None where the command runs or reads it itself.
        retain: What of the first phase outlasts the trial; None for nothing.
        link: Folder of pipes that exists for the trial at its own place, to be opened but not changed; empty for none.
    """

    snapshot: str
    root: str
    cwd: str
    target: str
    target_text: str | None
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
    gpus: tuple[int, ...] | None = ()
    caches: tuple[Cache, ...] = ()
    fill_caches: bool = False
    private: str = ""
    secrets: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    score: Score | None = None
    jail: Jail | None = None
    retain: Retain | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run returned, all its phases together; what is measured of the target is measured of the first.

    Attributes:
        outcome: `ok` only if the command exited 0 and every asked metric was read.
        reason: One sentence for a crash or timeout, empty otherwise.
        metrics: Every metric that was read, by name; all finite.
        seconds: Wall clock of all phases.
        cpu_seconds: User and system time of everything the trial started.
        peak_memory_bytes: Largest seen: resident size of one process, or memory of everything together.
        exit_code: Of the command; None if it was killed.
        signal: Name of the signal that ended it, if one did.
        output_bytes: What it wrote to standard output and error together.
        touched: Frozen paths, relative to `root`, that the trial changed in its throw-away layer.
        limit: Key of the limit that ended it, such as `memory`; empty if none did.
        backend: What confined it: `bubblewrap`, `landlock` or `none`.
        level: The level that this backend reached.
        protections: State of each protection of the machine that ran it, by name; empty where that is not known.
        notes: What a person should know about it, one sentence each.
        channels: Where the contract's metrics were reported, see `output.read`.
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
    limit: str = ""
    protections: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


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
