"""What is fixed when a session is opened, and how its journal's first record says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .contract import Contract


@dataclass(frozen=True, slots=True)
class Phase:
    """The second phase of every trial: its command, and what it may read besides the snapshot."""

    argv: tuple[str, ...]
    readable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Jailed:
    """Where the target's code runs while an evaluator calls it: frozen files that it sees, and paths outside git."""

    exposed: tuple[str, ...]
    readable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """What was fixed when the session was opened.

    Attributes:
        tag: Of the session.
        base: Commit of the frozen files.
        tree: Of that commit.
        target: Relative to the project.
        contract: All of it.
        results: Name of the results file.
        argv: The resolved command, or the interpreter alone where the evaluator is no command.
        readable: Paths outside the snapshot that it may read.
        pins: Fingerprints of what lies outside git, by path.
        integrity: How honest the numbers are, one of `integrity.Integrity`.
        private: Tracked files that only a phase without the target's code may see, relative to the repository.
        score: The second phase, if there is one.
        jail: What the target's own process sees, where it has one.
        held_out: Tracked files that no trial sees, relative to the repository.
        holdout: The phase that judges on them in place of the one that reports, for people alone.
    """

    tag: str
    base: str
    tree: str
    target: str
    contract: Contract
    results: str
    argv: tuple[str, ...]
    readable: tuple[str, ...]
    pins: Mapping[str, str]
    integrity: str
    private: tuple[str, ...] = ()
    score: Phase | None = None
    jail: Jailed | None = None
    held_out: tuple[str, ...] = ()
    holdout: Phase | None = None


def facts_of(opened: Opened) -> dict[str, Any]:
    """What the record says of it; the pins come from whoever took them."""
    score, holdout = opened.score, opened.holdout
    return {
        "tag": opened.tag,
        "base": opened.base,
        "tree": opened.tree,
        "target": opened.target,
        "contract": opened.contract.model_dump(mode="json"),
        "contract_digest": opened.contract.digest(),
        "results": opened.results,
        "argv": list(opened.argv),
        "readable": list(opened.readable),
        "integrity": opened.integrity,
        "private": list(opened.private),
        "jail": opened.jail and {"exposed": list(opened.jail.exposed), "readable": list(opened.jail.readable)},
        "score": score and {"argv": list(score.argv), "readable": list(score.readable)},
        "held_out": list(opened.held_out),
        "holdout": holdout and {"argv": list(holdout.argv), "readable": list(holdout.readable)},
    }


def opened_of(data: Mapping[str, Any]) -> Opened:
    """What the record said."""
    score, jail, holdout = data["score"], data["jail"], data["holdout"]
    return Opened(
        tag=data["tag"],
        base=data["base"],
        tree=data["tree"],
        target=data["target"],
        contract=Contract.model_validate(data["contract"], strict=False),
        results=data["results"],
        argv=tuple(data["argv"]),
        readable=tuple(data["readable"]),
        pins=data["pins"],
        integrity=data["integrity"],
        private=tuple(data["private"]),
        score=score and Phase(tuple(score["argv"]), tuple(score["readable"])),
        jail=jail and Jailed(tuple(jail["exposed"]), tuple(jail["readable"])),
        held_out=tuple(data["held_out"]),
        holdout=holdout and Phase(tuple(holdout["argv"]), tuple(holdout["readable"])),
    )
