"""The budget: when a session ends. Not part of the contract's hash, because it says nothing about what is measured."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from . import shorthand
from .model import Model


class Plateau(Model):
    """What happens after so many trials in a row without a keep; `plateau: 20` is short for `{trials: 20}`."""

    trials: Annotated[int, Field(ge=1, le=1_000_000)]
    """Trials in a row without a keep."""

    action: Literal["stop", "nudge"] = "stop"
    """stop: the session ends; nudge: every reply says so and suggests another direction."""


class Budget(Model):
    """The limits of a session; what runs out first ends it. None means no limit."""

    max_experiments: Annotated[int, Field(ge=1, le=1_000_000)] | None = 100
    """Trials, the baseline not counted."""

    max_wall_clock_hours: Annotated[float, Field(gt=0, le=shorthand.MAX_SECONDS / 3600)] | None = 8.0
    """Hours of real time since the baseline began."""

    max_cost_usd: Annotated[float, Field(gt=0)] | None = None
    """Dollars, of every source."""

    max_consecutive_crashes: Annotated[int, Field(ge=1, le=1_000_000)] | None = 10
    """Crashes and timeouts in a row after which the session ends."""

    usd_per_hour: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Dollars that an hour of measuring costs."""

    plateau: Annotated[Plateau, BeforeValidator(shorthand.plateau)] | None = None
    """Trials in a row without a keep that end the session, or that are said in every reply."""

    goal: float | None = None
    """The session ends as soon as the primary metric of the best reaches this number."""
