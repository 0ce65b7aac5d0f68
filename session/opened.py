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
class Opened:
    """What was fixed when the session was opened.

    Attributes:
        tag: Of the session.
        base: Commit of the frozen files.
        tree: Of that commit.
        target: Relative to the project.
        contract: All of it.
        results: Name of the results file.
        argv: The resolved command.
        readable: Paths outside the snapshot that it may read.
        pins: Fingerprints of what lies outside git, by path.
        integrity: How honest the numbers are, one of `integrity.Integrity`.
        private: Tracked files that only a phase without the target's code may see, relative to the repository.
        score: The second phase, if there is one.
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


def facts_of(opened: Opened) -> dict[str, Any]:
    """What the record says of it; the pins come from whoever took them."""
    score = opened.score
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
        "score": score and {"argv": list(score.argv), "readable": list(score.readable)},
    }


def opened_of(data: Mapping[str, Any]) -> Opened:
    """What the record said."""
    score = data["score"]
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
    )
