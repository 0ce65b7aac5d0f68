"""The parts of the contract that say what is measured, how, and what of it the agent learns."""

from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from . import shorthand
from .consistency import KeyedError, overlap
from .kinds import why_no_data
from .later import Retain
from .model import Argv, Artifacts, Data, Model, Seconds, Texts, Variables

_FORMS: tuple[Literal["command", "function", "call", "problem"], ...] = ("command", "function", "call", "problem")


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
        if self.kind == "data" and (fault := why_no_data(self.path)):
            raise KeyedError("kind", fault)
        return self


class Call(Model):
    """One call of one function of the target, whose answer is then judged."""

    function: Annotated[str, AfterValidator(shorthand.function_name)]
    """Of the target: its name, or `target.py:name`."""

    args: Data = Field(default_factory=dict[str, Any])
    """What it is called with, by keyword: numbers, texts, lists and mappings."""

    check: Annotated[str, AfterValidator(shorthand.function_place)]
    """`file.py:name`: called with the answer and the same keywords, returns a number, true or false, or a dict."""


class Evaluate(Model):
    """How a trial is measured: by exactly one of `command`, `function`, `call` and `problem`."""

    command: Argv | None = None
    """Words of the command, run without a shell; `{target}` and `{results}` are filled in before it runs."""

    function: Annotated[str, AfterValidator(shorthand.function_place)] | None = None
    """`file.py:name`: called with the target's path, returns its metrics."""

    call: Call | None = None
    """One call of one function of the target, whose answer is then judged."""

    problem: Annotated[str, AfterValidator(shorthand.target_path)] | None = None
    """`file.py` with `generate_problem` and `is_solution`: the target's `solve` is timed, its answers are checked."""

    expose: Texts = ()
    """Without `command`: files and folders that the target's own process sees; by default what the target imports."""

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

    retain: Retain | None = None
    """Files of kept trials that outlast them."""

    integrity: Literal["self-reported", "measured", "proxied", "sealed"] | None = None
    """The level to insist on; by default the highest that the evaluator allows."""

    @property
    def form(self) -> Literal["command", "function", "call", "problem"]:
        """Which of the four it is."""
        return next(form for form in _FORMS if getattr(self, form) is not None)

    @property
    def file(self) -> str | None:
        """The evaluator's file, unless it is a command."""
        place = self.function or self.problem or (self.call and self.call.check)
        return place.partition(":")[0] if place else None

    @property
    def words(self) -> str:
        """In one line, for people."""
        if self.command is not None:
            return " ".join(self.command)
        return f"{self.call.function} judged by {self.call.check}" if self.call else str(self.function or self.problem)

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
        given = [form for form in _FORMS if getattr(self, form) is not None]
        if not given:
            raise KeyedError("command", "missing. Write for example command: python train.py")
        if len(given) > 1:
            raise KeyedError(given[1], f"an evaluator has one form, and {given[0]} is given too")
        if self.score is not None and self.command is None:
            raise KeyedError("score", f"only a command has a second phase: {self.form} reports by itself")
        if self.expose and self.command is not None:
            raise KeyedError("expose", "a command runs the target in its own world, where everything frozen is seen")
        if self.score is not None and not self.artifacts:
            raise KeyedError(
                "artifacts", "evaluate.score judges artifacts: name what the command leaves, such as [out/]"
            )
        if twice := next((pair for pair in combinations(self.artifacts, 2) if overlap(*pair)), None):
            raise KeyedError("artifacts", f"{twice[0]!r} and {twice[1]!r} overlap: name the outer one alone")
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
