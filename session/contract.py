"""The contract and the budget: what a person fixes in `program.md` before a session.

The models are frozen, strict and closed: no unknown key, no number given as text. A contract that exists is
consistent in itself; whether its files exist and its command runs is asked elsewhere. Only the top level is frozen
by Python: do not change the dictionaries within.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from ..sandbox.spec import Level
from . import shorthand
from .consistency import KeyedError, apart, hidden, match_weights, ordered
from .integrity import Integrity, level, refuse_weaker, reported
from .later import Holdout, refuse_found, refuse_leaving
from .limits import Budget, Plateau
from .measuring import Call, Evaluate, Feedback, Target
from .model import (
    Bounds,
    Bytes,
    Caches,
    Count,
    Gpus,
    Inputs,
    Memory,
    Model,
    Name,
    Ratio,
    Seconds,
    Texts,
    Value,
    Variable,
)

__all__ = [
    "Budget",
    "Call",
    "Contract",
    "Evaluate",
    "Feedback",
    "Goal",
    "Keep",
    "Metric",
    "Plateau",
    "Program",
    "Sandbox",
    "Target",
]

Goal = Literal["minimize", "maximize"]


class Metric(Model):
    """One number that the evaluator reports; `val_bpb: minimize` is short for `val_bpb: {goal: minimize}`."""

    goal: Goal
    """Which direction is better."""

    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """The smallest gain that counts; 0 means any gain. Only for the role metric."""

    bounds: Bounds | None = None
    """Lowest and highest value that is believed; any other is a crash."""

    role: Literal["metric", "guard"] = "metric"
    """A metric is to be improved; a guard only has to stay within its limits."""

    min: float | None = None
    """Guard: the lowest value allowed."""

    max: float | None = None
    """Guard: the highest value allowed."""

    min_ratio: Ratio | None = None
    """Guard: the lowest value allowed, as a multiple of the baseline's."""

    max_ratio: Ratio | None = None
    """Guard: the highest value allowed, as a multiple of the baseline's."""

    @model_validator(mode="before")
    @classmethod
    def _from_goal(cls, value: object) -> object:
        return {"goal": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        limited = any(limit is not None for limit in (self.min, self.max, self.min_ratio, self.max_ratio))
        if self.role == "guard" and not limited:
            raise ValueError("a guard needs at least one of min, max, min_ratio, max_ratio")
        if self.role == "metric" and limited:
            raise ValueError("only a guard takes min, max, min_ratio and max_ratio: add role: guard")
        if self.role == "guard" and self.min_delta:
            raise KeyedError("min_delta", "only the role metric takes min_delta: a guard is within its limits or not")
        ordered("bounds", self.bounds)
        ordered("min", (self.min, self.max))
        ordered("min_ratio", (self.min_ratio, self.max_ratio))
        return self


class Keep(Model):
    """The rule by which a measured trial may become the best."""

    rule: Literal["primary", "pareto", "weighted"] = "primary"
    """primary: the first metric decides; pareto: none worse, one better; weighted: the sum of weighted gains."""

    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict[str, float])
    """Rule weighted: a positive weight for every metric of the role metric."""

    simplicity: bool = True
    """Whether a trial that is equal within `min_delta` and has fewer lines may be kept."""


class Sandbox(Model):
    """What the trial may see of the machine."""

    minimum: Annotated[Level, Field(strict=False)] = Level.LIMITED
    """Refuse to run with less confinement than this."""

    network: bool = False
    """Whether the trial may reach the network."""

    memory: Memory = 0.8
    """Bytes that a trial may use, or as a float the share of the machine."""

    processes: Count = 4096
    """Processes and threads of a trial at one time."""

    cpu: Seconds | None = None
    """Processor seconds of a trial, all its processes together; None for no limit but time and processors."""

    disk: Bytes = 20 * 1000**3
    """Bytes that a trial may leave on disk."""

    files: Count = 1_000_000
    """Files and folders that a trial may leave on disk."""

    open_files: Count = 65536
    """Files that one process of a trial may have open."""

    gpu: Gpus = "none"
    """GPUs that exist for the trial: none, all, or their numbers."""

    inputs: Inputs = ()
    """Files and folders outside the snapshot that the trial may read; relative to the project, absolute or with `~`."""

    cache: Caches = ()
    """Folders of compilers, `~/…` or in the project: a run before the baseline fills them, later ones get a copy."""

    private: Inputs = ()
    """Files and folders that exist for the phase alone in which no code of the target runs; no tool shows them."""

    env: Annotated[dict[Variable, Value], BeforeValidator(shorthand.names)] = Field(
        default_factory=dict[str, str | None]
    )
    """Environment variables; None, or a list of names instead of the mapping, takes the server's value."""


class Contract(Model):
    """What a session is bound to; a change needs a new session."""

    target: Target
    """The one file that the agent may edit."""

    readable: Texts = ("**",)
    """Patterns of the frozen files that `read_file` shows."""

    evaluate: Evaluate
    """How a trial is measured."""

    metrics: dict[Name, Metric]
    """Metrics by name, in order; the first is the primary one."""

    keep: Keep = Keep()
    """The rule by which a measured trial may become the best."""

    sandbox: Sandbox = Sandbox()
    """What the trial may see of the machine."""

    feedback: Feedback = Feedback()
    """How much of what the evaluator says reaches the agent."""

    holdout: Holdout | None = None
    """What people alone run on data that no trial sees."""

    @field_validator("metrics")
    @classmethod
    def _has_primary(cls, metrics: dict[str, Metric]) -> dict[str, Metric]:
        if not metrics:
            raise ValueError("expected at least one metric, such as {val_bpb: minimize}")
        first = next(iter(metrics))
        if metrics[first].role != "metric":
            raise KeyedError(first, "the first metric is the primary one and cannot be a guard: list a metric first")
        return metrics

    @field_validator("keep")
    @classmethod
    def _weighs_all(cls, keep: Keep, info: ValidationInfo) -> Keep:
        metrics: dict[str, Metric] | None = info.data.get("metrics")
        if keep.rule != "weighted" and keep.weights:
            raise KeyedError("weights", "weights count only with rule: weighted")
        if keep.rule == "weighted" and metrics is not None:
            match_weights(keep.weights, tuple(name for name, metric in metrics.items() if metric.role == "metric"))
        return keep

    @field_validator("evaluate")
    @classmethod
    def _leaves_target(cls, evaluate: Evaluate, info: ValidationInfo) -> Evaluate:
        target: Target | None = info.data.get("target")
        if target and any(shorthand.holds(path, target.path) for path in evaluate.artifacts):
            raise KeyedError("artifacts", f"an artifact may not hold the target {target.path!r}")
        refuse_leaving(evaluate.retain, target.path if target else None)
        if target and evaluate.file == target.path:
            raise KeyedError(
                evaluate.form, f"the evaluator may not be the target {target.path!r}, which the agent edits"
            )
        return evaluate

    @field_validator("sandbox")
    @classmethod
    def _keeps_target(cls, sandbox: Sandbox, info: ValidationInfo) -> Sandbox:
        target: Target | None = info.data.get("target")
        evaluate: Evaluate | None = info.data.get("evaluate")
        if target and evaluate:
            trusted = reported(target, evaluate, sandbox.minimum) is not Integrity.SELF_REPORTED
            hidden(sandbox.private, (*sandbox.inputs, *evaluate.artifacts, target.path), trusted=trusted)
        if target and any(shorthand.holds(path, target.path) for path in sandbox.inputs):
            raise KeyedError("inputs", f"an input may not hold the target {target.path!r}")
        apart(sandbox.cache, sandbox.inputs, target.path if target else None)
        return sandbox

    @model_validator(mode="after")
    def _is_as_honest_as_it_says(self) -> Self:
        refuse_weaker(self.target, self.evaluate, self.sandbox.minimum, self.metrics)
        seen = (*self.sandbox.inputs, *self.sandbox.private, *self.sandbox.cache, *self.evaluate.artifacts)
        refuse_found(self.holdout, (*seen, self.target.path), trusted=self.reported is Integrity.SEALED)
        return self

    @property
    def integrity(self) -> Integrity:
        """The level of its weakest metric."""
        return level(self.reported, self.metrics)

    @property
    def reported(self) -> Integrity:
        """The level of the numbers that the evaluator reports."""
        return reported(self.target, self.evaluate, self.sandbox.minimum)

    @property
    def log_shown(self) -> Literal["tail", "errors", "none"]:
        """What of a log the agent gets."""
        return self.feedback.log or ("errors" if self.sandbox.private else "tail")

    @property
    def primary(self) -> str:
        """Name of the first metric."""
        return next(iter(self.metrics))

    @property
    def guards(self) -> dict[str, Metric]:
        """The metrics of role guard, by name, in order."""
        return {name: metric for name, metric in self.metrics.items() if metric.role == "guard"}

    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON; the order of the metrics counts, that of other keys does not."""
        dump = self.model_dump(mode="json")
        dump["metrics"] = list(dump["metrics"].items())
        return hashlib.sha256(json.dumps(dump, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Program(Model):
    """A whole `program.md`."""

    contract: Contract
    """What the session is bound to."""

    budget: Budget
    """The limits that a new session starts with."""

    policy: str
    """The Markdown body, for the agent."""

    sha256: str
    """SHA-256 (hex) of the whole file."""
