"""What the person asked of a night."""

from dataclasses import dataclass
from pathlib import Path

from ..clients.base import Client, Launch


@dataclass(frozen=True, slots=True)
class Plan:
    """What the person asked for; `idle` is in seconds, `fresh_every` in trials."""

    client: Client
    launch: Launch
    stop_file: Path
    fresh_every: int | None = None
    idle: float = 1800.0
    on_trial: tuple[str, ...] = ()
    on_end: tuple[str, ...] = ()
