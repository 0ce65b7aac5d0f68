"""One attack at a time: what stands around a trial, the attack as the target inside it, and what the host saw.

An attack is Python that finds the arena's facts as `A` (a dict, see `Arena.facts`) and calls `attempt(function,
*arguments)` for what may be refused: a refusal is said on standard error and None returned. Whether it got
through is decided on the host, after the trial, by traces that the attack's own word cannot make.
"""

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from referee.sandbox import probe, scratch
from referee.sandbox.errors import SandboxError
from referee.sandbox.spec import Limits, Measurement, TrialSpec

from tests.attacks.scene import Entry, differing, lay_out, tree
from tests.attacks.stage import Stage
from tests.attacks.witness import Witness
from tests.sandbox.conftest import Lab, make_lab

LIMITS = Limits(
    wall_seconds=6,
    cpu_seconds=2,
    memory=256 * 1024**2,
    processes=32,
    disk_bytes=32 * 1024**2,
    output_bytes=16 * 1024**2,
    files=2000,
    open_files=256,
)
BACKENDS = ("bubblewrap", "landlock", "landlock-copy", "none")
CONFIGURATIONS = tuple(f"{key}-{user}" for key in BACKENDS for user in ("root", "user"))
FORGED = 999.0
SHARED = "without mounts a trial of root has the machine's /dev/shm, with what any user may open there; said by check"
_PRELUDE = """\
import json, os, sys; A = json.loads(sys.argv[1])
def attempt(way, *words, **named):
    try: return way(*words, **named)
    except OSError as error: print("refused:", error, file=sys.stderr, flush=True)
def broken(kind, error, trace):
    wrong = issubclass(kind, (NameError, ImportError, AttributeError, TypeError))
    print("broken:" if wrong else "ended by", kind.__name__, error, file=sys.stderr, flush=True)
sys.excepthook = broken
print("begun", file=sys.stderr, flush=True)
"""


def nothing(_arena: "Arena") -> None:
    """Nothing is to be undone."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack and its judge.

    Attributes:
        name: As in the expected table.
        code: Python, run as the target inside the trial.
        broke: Judged on the host after the trial: True if the attack got through.
        limits: Of the trial.
        network: Whether the trial is given the network.
        unsafe_in: Configurations in which it is not run because it would change this machine.
        beside: Code of an innocent trial that runs at the same time, with the token in its environment's ARENA_TOKEN;
            the attack starts once that trial has printed a line with `ready`.
        then: Code of an innocent trial in the same project after it; its output is `Arena.later`.
        inputs: Further folders that the trial may read.
        undo: Removes what it leaves on the host where it gets through.
        known: Why it is let through by a backend that confines, if it is.
    """

    name: str
    code: str
    broke: Callable[["Arena"], bool]
    limits: Limits = LIMITS
    network: bool = False
    unsafe_in: frozenset[str] = frozenset()
    beside: str = ""
    then: str = ""
    inputs: tuple[str, ...] = ()
    undo: Callable[["Arena"], None] = nothing
    known: str = ""


@dataclass(slots=True)
class Arena:
    """One attack run.

    Attributes:
        lab: Project, backend and log of the trial.
        run: The trial's result; None where there is none.
        fault: Why the trial could not be judged, or an empty text.
        base: Folder of everything here; other users can enter it.
        mark: Public random word for naming what an attack leaves (also `A["mark"]`).
        token: Secret: in `outside/secret`, in the witness, in the home, the state and the checkout. A trial that
            shows it has read what it must not.
        badge: Secret as well, but in the open: the witness's command line and the names of its files.
        server: The witness.
        nearby: Output of the trial that ran at the same time (`Attack.beside`).
        later: Output of the trial that came after (`Attack.then`).
        before: The host's files as they were before the fight.
    """

    attack: Attack
    lab: Lab
    stage: Stage
    mark: str
    token: str
    badge: str
    server: Witness
    run: Measurement | None = None
    fault: str = ""
    nearby: str = ""
    later: str = ""
    before: dict[str, Entry] = field(default_factory=dict[str, Entry])

    @property
    def base(self) -> Path:
        return self.lab.base

    @property
    def outside(self) -> Path:
        return self.base / "outside"

    @property
    def input(self) -> Path:
        """A declared input: readable for the trial at its own path."""
        return self.base / "input"

    @property
    def shared(self) -> Path:
        """A file of the machine's shared memory with the token in it, open to every user."""
        return Path("/dev/shm", f"{self.mark}-host")

    @property
    def snapshot(self) -> Path:
        return self.base / "state" / "snapshot"

    @property
    def configuration(self) -> str:
        return configuration(self.lab.key)

    def facts(self) -> dict[str, Any]:
        """Return what the attack is told: every path, name and number, no secret.

        Paths: `outside`, `secret`, `evaluator` (in outside), `root` (the repository), `neighbour` (another one),
        `snapshot`, `state`, `journal`, `scratch`, `log`, `home`, `input`, `closed` (the witness's), `shared`
        (a file of the machine's in /dev/shm).
        Of the witness: `pid`, `born`, `held` (descriptor), `memory` (address, length), `tcp`, `tcp6`, `udp`, `vsock`
        (ports, 0 if none), `unix`, `datagram`, `input_unix` (paths), `abstract` (name without the leading NUL).
        Else: `mark`, `uid`, `runner` (the process that runs the tests).
        """
        lab = self.lab
        return self.server.address | {
            "outside": str(self.outside),
            "secret": str(self.outside / "secret"),
            "evaluator": str(self.outside / "evaluator.py"),
            "root": str(lab.root),
            "neighbour": str(self.base / "neighbour"),
            "snapshot": str(self.snapshot),
            "state": str(self.base / "state"),
            "journal": str(self.base / "state" / "journal.jsonl"),
            "scratch": str(lab.scratch),
            "log": str(lab.log),
            "home": str(self.stage.home),
            "input": str(self.input),
            "closed": str(self.base / "closed"),
            "shared": str(self.shared),
            "mark": self.mark,
            "uid": os.getuid(),
            "runner": os.getpid(),
        }

    def leaked(self) -> bool:
        """Whether the trial showed the token: it has read what it must not."""
        return self.token in self.lab.said()

    def changed(self) -> set[str]:
        """Return the paths, relative to `base`, that are new, gone or other: content, mode, owner, links or times.

        Covers `outside`, `input`, `repository`, and the state's snapshot and journal.
        """
        return differing(self.before, tree(self.base), lambda entry: entry)

    def rewritten(self) -> set[str]:
        """Return those of them that are new, gone, linked elsewhere or of another content."""
        return differing(self.before, tree(self.base), lambda entry: entry.substance)

    def forged(self) -> bool:
        """Whether a trial that ran `judge.py` was measured with another score than the frozen files give."""
        runs = self.run is not None and self.run.outcome == "ok" and self.run.metrics.get("score") == FORGED
        return runs or f"score: {FORGED:g}" in self.later

    def signals(self) -> int:
        """Return how many signals the witness received."""
        return sum(count for name, count in self.server.seen().items() if name.startswith("SIG"))

    def fight(self) -> None:
        """Run the attack's trial and, where it has them, the trial beside it and the one after it."""
        self.before = tree(self.base)
        with self.stage.environment():
            anyio.run(self._fight)

    def verdict(self) -> bool:
        """Return whether the attack got through.

        Raises:
            AssertionError: nothing is proved, because it was not even run or ended by a mistake of its own.
        """
        said = _text(self.lab.log)
        if mistake := next((line for line in said.splitlines() if line.startswith("broken: ")), ""):
            raise AssertionError(f"the attack {self.attack.name} is itself broken: {mistake}")
        broke = self.attack.broke(self)
        if not broke and "begun\n" not in said:
            raise AssertionError(f"the attack {self.attack.name} was not even run: {self.fault or said[-2000:]}")
        return broke

    async def _fight(self) -> None:
        attack, launcher = self.attack, self.lab.launcher
        async with anyio.create_task_group() as group:
            if attack.beside:
                group.start_soon(self._beside)
                await self._sibling_ready()
            try:
                spec = self._spec(attack.code, limits=attack.limits, network=attack.network)
                self.run = await launcher.run(spec, self.lab.key)
            except SandboxError as error:
                self.fault = str(error)
            group.cancel_scope.cancel()
        self.nearby = _text(self._sibling_log)
        if attack.then:
            log = self.base / "state" / "log-then"
            with suppress(SandboxError):
                await launcher.run(self._spec(attack.then, log=str(log)), self.lab.key)
            self.later = _text(log)

    async def _beside(self) -> None:
        spec = self._spec(self.attack.beside, log=str(self._sibling_log), env={"ARENA_TOKEN": self.token})
        await self.lab.launcher.run(spec, self.lab.key)

    async def _sibling_ready(self) -> None:
        log = self._sibling_log
        with anyio.fail_after(LIMITS.wall_seconds):
            while "ready" not in _text(log):  # noqa: ASYNC110 - it is said in a file
                await anyio.sleep(0.01)

    @property
    def _sibling_log(self) -> Path:
        return self.base / "state" / "log-beside"

    def _spec(self, code: str, **changes: Any) -> TrialSpec:
        compile(code, self.attack.name, "exec")
        python, _ = probe.interpreter()
        words = json.dumps(self.facts())
        inputs = (str(self.input), str(self.lab.root / ".venv"), *self.attack.inputs)
        changes = {"limits": LIMITS, "inputs": inputs} | changes
        return self.lab.spec(_PRELUDE + code, argv=(python, "-B", "train.py", words), **changes)


def configuration(key: str) -> str:
    """Return the column of the expected table for a backend and the present user."""
    return f"{key}-{'root' if os.geteuid() == 0 else 'user'}"


@contextmanager
def arena(attack: Attack, key: str, on: Stage) -> Generator[Arena]:
    """Lay out an arena, yield it before the fight, and leave nothing of it."""
    ground = tempfile.mkdtemp(prefix="referee-arena-")
    base = Path(ground)
    mark, token, badge = (f"{word}-{secrets.token_hex(8)}" for word in ("mark", "token", "badge"))
    lab = make_lab(base, key, on.launcher)
    lay_out(lab, on.home, token)
    server = Witness(base, mark, token, badge)
    made = Arena(attack, lab, on, mark, token, badge, server)
    try:
        server.ready()
        made.shared.write_text(token, encoding="ascii")
        made.shared.chmod(0o666)
        yield made
        attack.undo(made)
    finally:
        server.close()
        for left in made.shared.parent.glob(f"*{mark}*"):
            left.unlink()
        scratch.remove(ground)


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
