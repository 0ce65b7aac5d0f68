"""From a contract and a draft to the trial that the sandbox runs."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ..sandbox import adapters
from ..sandbox.choice import KEYS
from ..sandbox.spec import Jail, Limits, Score, TrialSpec
from . import caches
from .contract import Contract, Sandbox
from .errors import RepositoryError
from .opened import Jailed, Opened
from .places import EXPOSED, PRIVATE, SNAPSHOT, Checkout
from .retention import of_contract

# Drivers report there alone; what else stands in the output was said by others.
_OWN_CHANNEL = "$REFEREE_METRICS"
_PATH = "/usr/local/bin:/usr/bin:/bin"


def trial_spec(
    opened: Opened,
    checkout: Checkout,
    home: Path,
    *,
    text: str,
    mode: int,
    number: int,
    run: int,
    seconds: float,
) -> TrialSpec:
    """One run of one trial.

    Args:
        opened: What the session is bound to.
        checkout: Where the repository lies.
        home: The session's state folder.
        text: The draft.
        mode: Mode of the target, 0o644 or 0o755.
        number: Number of the trial; its log is named after it.
        run: Which of the contract's repeats this is, from 0; the seed that the evaluator is given.
        seconds: Wall clock that all its phases may take together.
    """
    contract = opened.contract
    target = checkout.prefix + opened.target
    path = str(checkout.root / target)
    seconds, left = min(seconds, contract.evaluate.timeout), seconds
    trusted = opened.score is None and (contract.target.kind == "data" or opened.jail is not None)
    return TrialSpec(
        snapshot=str(home / SNAPSHOT),
        root=str(checkout.root),
        cwd=str(checkout.project),
        target=target,
        target_text=text,
        target_mode=0o644 if contract.target.kind == "data" else mode,
        argv=_filled(_command(opened), path),
        env=environment(opened, run) | (secrets(contract) if trusted else {}),
        readable=opened.readable,
        network=contract.sandbox.network and opened.score is None,
        minimum=contract.sandbox.minimum,
        limits=limits(contract.sandbox, seconds),
        metrics=tuple(contract.metrics),
        scratch=str(home / "scratch"),
        log=str(log_path(home, number, run)),
        gpus=gpus(contract.sandbox),
        caches=caches.of_contract(contract.sandbox.cache, checkout, home),
        private=str(home / PRIVATE) if trusted and opened.private else "",
        secrets=tuple(secrets(contract).values()) if trusted else (),
        channels=() if contract.evaluate.command else (_OWN_CHANNEL,),
        score=_score(opened, home, path, number=number, run=run, seconds=left),
        jail=None if opened.jail is None else _jail(opened, opened.jail, home, run),
        retain=of_contract(contract.evaluate.retain, home, number) if run + 1 == contract.evaluate.repeats else None,
    )


def _command(opened: Opened) -> tuple[str, ...]:
    """The words to execute: the command's own, or a driver for an evaluator that is none."""
    evaluate, python, target = opened.contract.evaluate, opened.argv[0], opened.target
    if evaluate.function is not None:
        return adapters.function(python, evaluate.function, target)
    if evaluate.call is not None:
        call = evaluate.call
        return adapters.call(python, call.function, call.args, call.check, target)
    if evaluate.problem is not None:
        return adapters.problem(python, evaluate.problem, target)
    return opened.argv


def _jail(opened: Opened, jailed: Jailed, home: Path, run: int) -> Jail:
    # The seed of the evaluator is none of the target's business.
    env = {name: value for name, value in environment(opened, run).items() if name != "REFEREE_SEED"}
    return Jail(opened.argv[0], env, jailed.readable, str(home / EXPOSED))


def _filled(words: Iterable[str], target: str) -> tuple[str, ...]:
    return tuple(word.replace("{target}", target) for word in words)


def _score(opened: Opened, home: Path, target: str, *, number: int, run: int, seconds: float) -> Score | None:
    phase = opened.score
    if phase is None:
        return None
    contract = opened.contract
    return Score(
        argv=_filled(phase.argv, target),
        env=environment(opened, run, phase.argv) | secrets(contract),
        readable=phase.readable,
        private=str(home / PRIVATE) if opened.private else "",
        artifacts=contract.evaluate.artifacts,
        network=contract.sandbox.network,
        secrets=tuple(secrets(contract).values()),
        log=str(score_log_path(home, number, run)),
        total_seconds=seconds,
        artifact_bytes=contract.sandbox.disk,
    )


def secrets(contract: Contract) -> dict[str, str]:
    """The variables that only a phase without the target's code gets, by name; empty values hide nothing."""
    return {name: value for name in contract.evaluate.secrets if (value := os.environ.get(name))}


def refuse_unset(names: Iterable[str]) -> None:
    """Make sure that the server has every secret.

    Raises:
        RepositoryError: If one is not set.
    """
    for name in names:
        if not os.environ.get(name):
            raise RepositoryError(f"evaluate.secrets: {name} is not set where the server runs. Set it, or remove it.")


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


def score_log_path(home: Path, number: int, run: int = 0) -> Path:
    """Where the output of a run's second phase is kept."""
    return log_path(home, number, run).with_suffix(".score.log")


def hashed_environment(opened: Opened) -> dict[str, str]:
    """The same as `environment`, each value as its SHA-256: what may be written down."""
    values = environment(opened, 0).items()
    return {name: hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest() for name, value in values}


def environment(opened: Opened, run: int, argv: tuple[str, ...] = ()) -> dict[str, str]:
    """What the contract gives to the trial, by value or from the server; names that the server lacks are left out.

    Args:
        opened: What the session is bound to.
        run: Which of the contract's repeats this is.
        argv: The command that gets it; that of the first phase by default.
    """
    given = opened.contract.sandbox.env
    values = {name: os.environ.get(name) if value is None else value for name, value in given.items()}
    folder = os.path.dirname((argv or opened.argv)[0])
    path = {"PATH": f"{folder}:{_PATH}" if folder not in _PATH.split(":") else _PATH}
    return path | {name: value for name, value in values.items() if value is not None} | {"REFEREE_SEED": str(run)}
