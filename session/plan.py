"""From a contract and a draft to the trial that the sandbox runs."""

import hashlib
import os
from pathlib import Path

from ..sandbox.choice import KEYS
from ..sandbox.spec import Limits, TrialSpec
from . import caches
from .contract import Sandbox
from .places import Checkout
from .state import Opened

_PATH = "/usr/local/bin:/usr/bin:/bin"


def trial_spec(
    opened: Opened, checkout: Checkout, home: Path, *, text: str, mode: int, number: int, run: int, seconds: float
) -> TrialSpec:
    """One run of one trial.

    Args:
        home: The session's state folder.
        text: The draft.
        mode: Mode of the target, 0o644 or 0o755.
        number: Number of the trial; its log is named after it.
        run: Which of the contract's repeats this is, from 0; the seed that the evaluator is given.
        seconds: Wall clock that it may take.
    """
    contract = opened.contract
    target = checkout.prefix + opened.target
    return TrialSpec(
        snapshot=str(home / "snapshot"),
        root=str(checkout.root),
        cwd=str(checkout.project),
        target=target,
        target_text=text,
        target_mode=mode,
        argv=tuple(word.replace("{target}", str(checkout.root / target)) for word in opened.argv),
        env=environment(opened, run),
        readable=opened.readable,
        network=contract.sandbox.network,
        minimum=contract.sandbox.minimum,
        limits=limits(contract.sandbox, seconds),
        metrics=tuple(contract.metrics),
        scratch=str(home / "scratch"),
        log=str(log_path(home, number, run)),
        gpus=gpus(contract.sandbox),
        caches=caches.of_contract(contract.sandbox.cache, checkout, home),
    )


def limits(sandbox: Sandbox, seconds: float) -> Limits:
    """The bounds of one run that may take `seconds` of wall clock."""
    return Limits(
        wall_seconds=seconds,
        cpu_seconds=sandbox.cpu,
        memory=sandbox.memory,
        processes=sandbox.processes,
        open_files=sandbox.open_files,
        disk_bytes=sandbox.disk,
        files=sandbox.files,
    )


def gpus(sandbox: Sandbox) -> tuple[int, ...] | None:
    """The numbers of the GPUs that a trial gets; None for all."""
    if isinstance(sandbox.gpu, tuple):
        return sandbox.gpu
    return None if sandbox.gpu == "all" else ()


def asked(sandbox: Sandbox) -> frozenset[str]:
    """The keys whose protection a program asks for in so many words, out of `sandbox.choice.KEYS`.

    To be asked of `program.md` itself: in a journal every key is written out.
    """
    given = sandbox.model_fields_set & KEYS.keys()
    unasked = {"cpu"} if sandbox.cpu is None else set[str]()
    unasked |= {"network"} if sandbox.network else set[str]()
    return frozenset(given - unasked)


def log_path(home: Path, number: int, run: int = 0) -> Path:
    """Where the output of a run is kept."""
    return home / "logs" / (f"{number}.log" if run == 0 else f"{number}-{run}.log")


def hashed_environment(opened: Opened) -> dict[str, str]:
    """The same as `environment`, each value as its SHA-256: what may be written down."""
    values = environment(opened, 0).items()
    return {name: hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest() for name, value in values}


def environment(opened: Opened, run: int) -> dict[str, str]:
    """What the contract gives to the trial, by value or from the server; names that the server lacks are left out."""
    given = opened.contract.sandbox.env
    values = {name: os.environ.get(name) if value is None else value for name, value in given.items()}
    folder = os.path.dirname(opened.argv[0])
    path = {"PATH": f"{folder}:{_PATH}" if folder not in _PATH.split(":") else _PATH}
    return path | {name: value for name, value in values.items() if value is not None} | {"REFEREE_SEED": str(run)}
