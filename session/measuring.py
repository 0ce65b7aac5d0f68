"""The parts of the contract that say what is measured, how, and what of it the agent learns."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from . import shorthand
from .consistency import KeyedError
from .kinds import is_code
from .model import Argv, Artifacts, Model, Seconds, Variables


class Target(Model):
    """The one file that the agent may edit; `target: train.py` is short for `target: {path: train.py}`."""

    path: Annotated[str, AfterValidator(shorthand.target_path)]
    """Relative to the folder of `program.md`, POSIX, normalised."""

    kind: Literal["code", "data"] = "code"
    """code: the evaluator runs or imports it; data: the evaluator reads it and nothing executes it."""

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_what_it_says(self) -> Self:
        if self.kind == "data" and is_code(self.path):
            raise KeyedError("kind", f"{self.path!r} is of a kind that programs execute, so it cannot be data")
        return self


class Evaluate(Model):
    """How a trial is measured."""

    command: Argv
    """Words of the command, run without a shell; `{target}` and `{results}` are filled in before it runs."""

    timeout: Seconds = 600.0
    """Seconds of wall clock after which everything that the trial started is killed."""

    repeats: Annotated[int, Field(ge=1, le=99)] = 1
    """Runs per trial; the median of each metric counts."""

    score: Argv | None = None
    """Second phase: a command that judges what the first one left, without the target, and alone reports."""

    artifacts: Artifacts = ()
    """Files and folders of the project that pass from the first phase to the second; data only."""

    secrets: Variables = ()
    """Variables of the server that only a phase gets in which no code of the target runs."""

    integrity: Literal["self-reported", "measured", "proxied", "sealed"] | None = None
    """The level to insist on; by default the highest that the evaluator allows."""

    @property
    def phases(self) -> int:
        """Commands that one run consists of."""
        return 1 if self.score is None else 2

    @property
    def longest(self) -> float:
        """Seconds of wall clock that all runs of a trial may take together."""
        return self.timeout * self.repeats * self.phases

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.score is not None and not self.artifacts:
            raise KeyedError(
                "artifacts", "evaluate.score judges artifacts: name what the command leaves, such as [out/]"
            )
        if self.score is None and self.artifacts:
            raise KeyedError("artifacts", "artifacts pass to evaluate.score: give its command too")
        return self


class Feedback(Model):
    """How much of what an evaluator says reaches the agent; people see all of it."""

    log: Literal["tail", "errors", "none"] | None = None
    """tail: the end of the output; errors: exceptions by class and the target's lines; by default errors where
    sandbox.private is set, else tail."""

    lines: Annotated[int, Field(ge=1, le=2000)] = 40
    """The most lines of a log at one time."""

    digits: Annotated[int, Field(ge=1, le=17)] | None = None
    """Significant digits of metrics; all by default."""
