"""From a contract and a draft to the trial that the sandbox runs."""

import hashlib
import os
from pathlib import Path

from ..sandbox.spec import Limits, TrialSpec
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
        limits=Limits(wall_seconds=seconds),
        metrics=tuple(contract.metrics),
        scratch=str(home / "scratch"),
        log=str(log_path(home, number, run)),
    )


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
