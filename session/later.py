"""The parts of the contract that say what comes after a trial: files of it that last, and a score on hidden data."""

from itertools import product
from typing import Annotated, Literal

from pydantic import AfterValidator

from .consistency import KeyedError
from .model import Argv, Artifacts, Bytes, Inputs, Model
from .shorthand import holds

_SEEN_BY_TARGET = (
    "the target's code would run beside the hidden data: add evaluate.score, so that holdout.command judges only "
    "what a first phase left, or make the target data"
)


def _some(paths: tuple[str, ...]) -> tuple[str, ...]:
    if not paths:
        raise ValueError("expected at least one path, such as [out/model.pt]")
    return paths


class Retain(Model):
    """Files of kept trials that outlast them, such as the weights of a model."""

    paths: Annotated[Artifacts, AfterValidator(_some)]
    """Files and folders of the project that a run leaves."""

    keep: Literal["best", "all"] = "best"
    """best: those of the best trial alone; all: those of every kept trial."""

    max: Bytes = 2 * 1000**3
    """Bytes that one trial may leave, and all of them together; the oldest that are not the best's make room."""


class Holdout(Model):
    """What people alone run, with `referee holdout`: baseline and best on data that no trial sees."""

    command: Argv
    """Judges in place of evaluate.score, or of evaluate.command where the target is data; same metrics."""

    private: Annotated[Inputs, AfterValidator(_some)]
    """The hidden data; in no trial, no tool and no log."""


def refuse_leaving(retain: Retain | None, target: str | None) -> None:
    """Refuse to retain the target: every version of it is in git."""
    if retain and target and any(holds(path, target) for path in retain.paths):
        raise KeyedError("retain.paths", f"what is retained may not hold the target {target!r}: git has it")


def refuse_found(holdout: Holdout | None, seen: tuple[str, ...], *, trusted: bool) -> None:
    """Refuse hidden data that a trial would see, as far as spelling tells.

    Args:
        holdout: What the contract says of it.
        seen: Paths that some phase of a trial sees.
        trusted: Whether the target's code runs in another phase than the one that reports, or nowhere.
    """
    if holdout is None:
        return
    if not trusted:
        raise KeyedError("holdout", _SEEN_BY_TARGET)
    for path, other in product(holdout.private, seen):
        if holds(path, other) or holds(other, path):
            raise KeyedError("holdout.private", f"{path!r} overlaps with {other!r}, which a trial sees")
